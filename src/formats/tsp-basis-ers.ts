import { SealError } from '../errors.ts';
import { children, context, parse, readOid, Tag } from './der.ts';
import { isDer } from './der-canonical.ts';
import { parseDigestAlgorithm } from './digests.ts';
import { oids } from './oids.ts';
import { parseTimestampToken, type TimestampToken } from './tsp.ts';
import type { SignedData } from './cms.ts';
import type { SignerInfo } from './cms-signer-info.ts';

/**
 * Whether a TimeStampToken fits the profile Basis-ERS of BSI TR-ESOR (TR-03125, annex ERS): exactly one SignerInfo of version 1 with
 * issuerAndSerialNumber, signing-certificate-v2 and no version 1 of it, certificates and revocation data filled, OCSP only as
 * id-pkix-ocsp-basic byName with a certificate, no unsigned attributes, CMS version 3 or 5, SHA-2, DER. Hostile input.
 * @returns what is wrong, one sentence each; empty when it fits
 */
export function checkBasisErs(token: Buffer): readonly string[] {
  let parsed: TimestampToken;
  try {
    parsed = parseTimestampToken(token);
  } catch (error) {
    if (error instanceof SealError) return [error.message];
    throw error;
  }
  return [
    ...(isDer(token) ? [] : ['the token is not DER']),
    ...checkSignedData(parsed.cms),
    ...parsed.cms.signers.flatMap(checkSignerInfo),
    ...(allowed.has(parsed.messageImprint.algorithm) ? [] : [`message imprint with ${parsed.messageImprint.algorithm}`]),
  ];
}

const allowed: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512']);

function checkSignedData(cms: SignedData): string[] {
  const other = cms.revocationChoices.filter(({ tag }) => tag === context(1, true));
  const problems: string[] = [];
  if (cms.signers.length !== 1) problems.push(`${cms.signers.length} SignerInfos, exactly one is allowed`);
  if (cms.version !== (other.length > 0 ? 5 : 3)) problems.push(`CMS version ${cms.version}, expected ${other.length > 0 ? 5 : 3}`);
  if (cms.certificates.length === 0) problems.push('no certificates');
  if (cms.certificateChoices.length !== cms.certificates.length) problems.push('certificates that are not X.509');
  if (cms.revocationChoices.length === 0) problems.push('no revocation data');
  return [...problems, ...other.flatMap(({ content }) => checkOther(content))];
}

function checkOther(content: Buffer): string[] {
  const [format, info] = children({ content });
  if (format === undefined || info === undefined || readOid(format) !== oids.ocspBasic)
    return ['revocation data that are neither CRL nor id-pkix-ocsp-basic'];
  const [tbs, , , certificates] = children(info);
  const responder = tbs && children(tbs).find(({ tag }) => tag === context(1, true) || tag === context(2, true));
  return [
    ...(responder?.tag === context(1, true) ? [] : ['an OCSP response that names its responder by key']),
    ...(certificates && children(parse(certificates.content, Tag.sequence)).length > 0 ? [] : ['an OCSP response without a certificate']),
  ];
}

function checkSignerInfo(signer: SignerInfo): string[] {
  const types = new Set(signer.signedAttributes?.attributes.map(({ type }) => type));
  const problems: string[] = [];
  if (signer.version !== 1 || !('issuer' in signer.sid)) problems.push('SignerInfo is not version 1 with issuerAndSerialNumber');
  if (!types.has(oids.signingCertificateV2)) problems.push('no signing-certificate-v2');
  if (types.has(oids.signingCertificate)) problems.push('signing-certificate of version 1');
  if (signer.unsignedAttributes.length > 0) problems.push('unsigned attributes');
  if (!allowed.has(parseDigestAlgorithm(signer.digestAlgorithm))) problems.push('a digest other than SHA-256, SHA-384 and SHA-512');
  return problems;
}
