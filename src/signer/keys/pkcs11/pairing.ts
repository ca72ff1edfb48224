import { SealError } from '../../../errors.ts';
import { parse, Tag } from '../../../formats/der.ts';
import { parseCertificate } from '../../../formats/x509.ts';
import { chooseCertificate } from '../certificate.ts';
import { orderChain } from '../chain.ts';
import { fitsCertificate } from './choice.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { SigningKey } from '../../../ports/keys.ts';
import type { CertificateRule } from '../certificate.ts';
import type { TokenCertificate, TokenKey } from './messages.ts';

export type KeyWish = CertificateRule & Pick<Pkcs11KeyConfig, 'name' | 'token' | 'certificate' | 'key'>;

export interface Pair {
  readonly key: TokenKey;
  readonly certificate: Certificate;
  /** All certificates that were to be chosen from. */
  readonly candidates: readonly Certificate[];
}

interface Readable {
  readonly object: TokenCertificate;
  readonly certificate: Certificate;
}

/**
 * The certificate a configured key will use, as far as it can be told before the PIN: by id or label; of several the one to be used.
 * @param now UTC ms
 */
export function foreseeCertificate(wish: KeyWish, certificates: readonly TokenCertificate[], now: number): Certificate | undefined {
  const fitting = readable(certificates).filter(
    ({ object, certificate }) => wishes(wish, object) && fitsCertificate(wish, certificate) && !isIssuer(certificate),
  );
  return chooseCertificate(
    fitting.map(({ certificate }) => certificate),
    wish,
    now,
  );
}

/**
 * The private key and certificate on a token that a configured key means. A certificate belongs to a key by its id, or by the public key where the
 * token shows it; both together must agree. Of several pairs the one whose certificate is to be used (`chooseCertificate`).
 * @param extra DER certificates from files, for tokens without certificates
 * @param now UTC ms
 * @throws SealError SEAL-KEY-UNKNOWN (no such key), SEAL-KEY-CERTIFICATE (no certificate for it), SEAL-KEY-MISMATCH (the wrong one)
 */
export function pairKey(
  wish: KeyWish,
  keys: readonly TokenKey[],
  certificates: readonly TokenCertificate[],
  extra: readonly Buffer[],
  now: number,
): Pair {
  const candidates = keys.filter((key) => wishes(wish, key) || certificates.some((own) => own.id.equals(key.id) && wishes(wish, own)));
  if (candidates.length === 0)
    throw new SealError('SEAL-KEY-UNKNOWN', `${wish.name}: the token holds no such private key`, {
      where: wish.name,
      hint: `it has ${describe(keys)}; name one by “key: {id: …}” or “key: {label: …}”`,
    });
  const all = readable([...certificates, ...extra.map((der) => ({ der, id: Buffer.alloc(0), label: '' }))]);
  const pairs = candidates.flatMap((key) =>
    all.flatMap(({ object, certificate }) =>
      belongs(key, object, certificate) && fitsCertificate(wish, certificate) ? [{ key, certificate }] : [],
    ),
  );
  const fitting = pairs.map(({ certificate }) => certificate);
  const chosen = chooseCertificate(fitting, wish, now);
  const pair = pairs.find(({ certificate }) => certificate === chosen);
  if (pair !== undefined) return { ...pair, candidates: fitting };
  const sameId = candidates.some((key) => all.some(({ object }) => object.id.length > 0 && object.id.equals(key.id)));
  throw sameId
    ? new SealError('SEAL-KEY-MISMATCH', `${wish.name}: the certificate on the token does not belong to the private key`, {
        where: wish.name,
        hint: 'put the certificate that was issued for this key on the token, or name another key',
      })
    : new SealError('SEAL-KEY-CERTIFICATE', `${wish.name}: there is no certificate for the private key`, {
        where: wish.name,
        hint: 'put its certificate on the token with the same id, or name its file under “chain:”',
      });
}

/**
 * Who signs with a certificate of a token.
 * @param name of the key
 * @param own everything on the token @param extra DER certificates from files: the chain is put together of both
 */
export function signerOf(
  name: string,
  certificate: Certificate,
  own: readonly TokenCertificate[],
  extra: readonly Buffer[],
): Pick<SigningKey, 'name' | 'chain' | 'keyType'> {
  return { name, chain: orderChain(certificate, [...own.map(({ der }) => der), ...extra]), keyType: certificate.keyType() };
}

/** A token may hold the chain beside the signer's certificate. */
function isIssuer(certificate: Certificate): boolean {
  try {
    return certificate.basicConstraints?.ca === true;
  } catch {
    return false;
  }
}

function wishes({ key }: KeyWish, object: { readonly id: Buffer; readonly label: string }): boolean {
  if (key.id !== undefined && object.id.toString('hex') !== key.id.toLowerCase()) return false;
  return key.label === undefined || object.label === key.label;
}

function readable(certificates: readonly TokenCertificate[]): Readable[] {
  return certificates.flatMap((object) => {
    try {
      return [{ object, certificate: parseCertificate(object.der) }];
    } catch {
      return [];
    }
  });
}

function belongs(key: TokenKey, object: TokenCertificate, certificate: Certificate): boolean {
  const fits = samePublicKey(key, certificate);
  return fits ?? (object.id.length > 0 && object.id.equals(key.id));
}

/** Undefined when the token shows nothing to compare. */
function samePublicKey(key: TokenKey, certificate: Certificate): boolean | undefined {
  try {
    const { type } = certificate.keyType();
    if (key.modulus !== undefined && type.startsWith('rsa')) {
      const { n = '' } = certificate.publicKey().export({ format: 'jwk' });
      return withoutZeros(key.modulus).equals(withoutZeros(Buffer.from(n, 'base64url')));
    }
    if (key.modulus !== undefined) return false;
    if (key.point === undefined) return undefined;
    return (type === 'ec' || type === 'ed25519') && certificate.spki.subarray(-ecPoint(key.point).length).equals(ecPoint(key.point));
  } catch {
    return false;
  }
}

/** CKA_EC_POINT is a DER OCTET STRING around the point (PKCS#11 §6.3.3); old modules give the bare point. */
function ecPoint(value: Buffer): Buffer {
  try {
    return parse(value, Tag.octetString).content;
  } catch {
    return value;
  }
}

function withoutZeros(bytes: Buffer): Buffer {
  const start = bytes.findIndex((octet) => octet !== 0);
  return bytes.subarray(Math.max(start, 0));
}

function describe(keys: readonly TokenKey[]): string {
  if (keys.length === 0) return 'no private key at all';
  const named = keys.map((key) => `id ${key.id.toString('hex') || '(none)'}${key.label === '' ? '' : ` “${key.label}”`}`);
  return named.sort().join(', ');
}
