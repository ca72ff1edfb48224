import { formatNamed, packagingFor } from '../formats/index.ts';
import { baseName } from '../formats/names.ts';
import type { SignatureAlgorithm } from '../model/algorithms.ts';
import type { BatchDocument } from '../model/batch.ts';
import type { FormatName, Packaging, Profile, SignParameters } from '../model/signature.ts';
import type { SigningKey } from '../ports/keys.ts';

/**
 * What a format is told about a signature.
 * @param signingTime claimed, UTC ms
 * @throws SealError SEAL-DOC-FORMAT when the profile's packaging does not fit its format
 */
export function signParameters(
  profile: Profile,
  key: Pick<SigningKey, 'chain' | 'keyType'>,
  document: BatchDocument,
  signingTime: number,
  password: Buffer | undefined,
): SignParameters {
  const { digest, level, reason, location, contact } = profile;
  return {
    chain: key.chain,
    digest,
    padding: key.keyType.type === 'rsa-pss' ? 'pss' : profile.padding,
    level,
    packaging: wantedPackaging(profile),
    signingTime,
    name: baseName(document.relPath),
    ...(reason === undefined ? {} : { reason }),
    ...(location === undefined ? {} : { location }),
    ...(contact === undefined ? {} : { contact }),
    ...(password === undefined ? {} : { password }),
  };
}

/** With `auto` the format is only known when the document was read; then a packaging it does not have falls back to its own. */
function wantedPackaging({ format, packaging }: Profile): Packaging {
  return format === 'auto' ? (packaging ?? 'detached') : packagingFor(formatNamed(format), packaging);
}

/** Name of the output file for the format that was chosen. Bytes, no directory. */
export function outputName(profile: Profile, chosen: FormatName, document: BatchDocument): Buffer {
  const format = formatNamed(chosen);
  const wanted = wantedPackaging(profile);
  return format.outputName(baseName(document.relPath), format.packagings.includes(wanted) ? wanted : packagingFor(format, undefined));
}

/** Digest and padding that a profile asks of a key: padding for RSA only (PKCS #1 v1.5 unless told), always PSS for keys of id-RSASSA-PSS (RFC 4055). */
export function algorithmFor({ keyType }: Pick<SigningKey, 'keyType'>, { digest, padding }: SignatureAlgorithm): SignatureAlgorithm {
  if (keyType.type === 'rsa') return { digest, padding: padding ?? 'pkcs1' };
  return keyType.type === 'rsa-pss' ? { digest, padding: 'pss' } : { digest };
}
