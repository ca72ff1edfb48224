import { createPublicKey } from 'node:crypto';
import { children, nullValue, parse, readElement, readOid, sequence, Tag } from '../formats/der.ts';
import { oids } from '../formats/oids.ts';
import { sha256 } from '../formats/x509.ts';
import type { KeyObject } from 'node:crypto';
import type { Certificate } from '../formats/x509.ts';

/** working_public_key of RFC 5280 §6.1.2: a key with its parameters complete. */
export interface WorkingKey {
  readonly key: KeyObject;
  /** DER SubjectPublicKeyInfo with parameters. */
  readonly spki: Buffer;
  /** SHA-256 of it, to remember results by. */
  readonly id: string;
}

const keys = new WeakMap<Certificate, WorkingKey>();

/**
 * Key of a certificate; a DSA key without parameters takes those of its issuer's key (RFC 5280 §6.1.4 (d)–(f)).
 * @throws SealError SEAL-INPUT-INVALID when the key cannot be read
 */
export function workingKey(certificate: Certificate, issuer?: WorkingKey): WorkingKey {
  const known = keys.get(certificate);
  if (known) return known;
  const spki = inheritParameters(certificate.spki, issuer?.spki);
  const own = spki === certificate.spki;
  const key = own ? certificate.publicKey() : createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const working = { key, spki, id: sha256(spki).toString('latin1') };
  if (own) keys.set(certificate, working);
  return working;
}

function inheritParameters(spki: Buffer, issuerSpki: Buffer | undefined): Buffer {
  const [algorithm, bits] = children(parse(spki, Tag.sequence));
  if (algorithm === undefined || bits === undefined || issuerSpki === undefined) return spki;
  const [type, parameters] = children(algorithm);
  if (type === undefined || readOid(type) !== oids.dsa || (parameters !== undefined && !parameters.raw.equals(nullValue))) return spki;
  const issuerAlgorithm = readElement(parse(issuerSpki).content);
  const [issuerType] = children(issuerAlgorithm);
  return issuerType !== undefined && issuerType.raw.equals(type.raw) ? sequence(issuerAlgorithm.raw, bits.raw) : spki;
}

/** Whether a key can only be used with its issuer's parameters. */
export function lacksParameters(certificate: Certificate): boolean {
  const [type, parameters] = children(readElement(parse(certificate.spki, Tag.sequence).content));
  return type !== undefined && readOid(type) === oids.dsa && (parameters === undefined || parameters.raw.equals(nullValue));
}
