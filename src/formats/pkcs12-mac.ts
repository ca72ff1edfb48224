import { createHmac } from 'node:crypto';
import { Fields, readOid, Tag } from './der.ts';
import { digestByOid, digestLengths } from './digests.ts';
import {
  bmpPassphrase,
  deriveOld,
  derivePbkdf2,
  hmacs,
  maxOldIterations,
  Purpose,
  readIterations,
  readPbkdf2,
  unsupported,
} from './pkcs12-kdf.ts';
import { pkcs12Oids } from './pkcs12-oids.ts';
import type { Element } from './der.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** Those whose block length the derivation knows. */
const digests: readonly AnyDigest[] = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'];

/**
 * The MAC over the authenticated safe: HMAC with PKCS#12's derivation (RFC 7292 §4), or PBMAC1 (RFC 9579).
 * @param macData SEQUENCE MacData
 * @returns what the file holds and what the passphrase gives
 * @throws SealError SEAL-INPUT-INVALID
 */
export async function computeMac(
  macData: Element,
  passphrase: Buffer,
  content: Buffer,
): Promise<{ readonly expected: Buffer; readonly actual: Buffer }> {
  const fields = new Fields(macData, 'MacData', true);
  const digestInfo = new Fields(fields.next(Tag.sequence), 'DigestInfo', true);
  const algorithm = new Fields(digestInfo.next(Tag.sequence), 'digestAlgorithm', true);
  const expected = digestInfo.next(Tag.octetString).content;
  const salt = fields.next(Tag.octetString).content;
  const id = readOid(algorithm.next(Tag.oid));
  if (id === pkcs12Oids.pbmac1) return { expected, actual: await computePbmac1(algorithm.next(Tag.sequence), passphrase, content) };
  const digest = digestByOid(id);
  if (digest === undefined || !digests.includes(digest)) throw unsupported(`MAC with digest ${id}`);
  const iterations = readIterations(fields.optional(Tag.integer), maxOldIterations);
  return { expected, actual: macOld(digest, passphrase, salt, iterations, content) };
}

/** HMAC keyed by PKCS#12's derivation. */
export function macOld(digest: AnyDigest, passphrase: Buffer, salt: Buffer, iterations: number, content: Buffer): Buffer {
  const password = bmpPassphrase(passphrase);
  const length = digestLengths[digest];
  const key = deriveOld(digest, password, salt, Purpose.mac, iterations, length);
  password.fill(0);
  const mac = createHmac(digest, key).update(content).digest();
  key.fill(0);
  return mac;
}

async function computePbmac1(parameters: Element, passphrase: Buffer, content: Buffer): Promise<Buffer> {
  const fields = new Fields(parameters, 'PBMAC1-params', true);
  const { salt, iterations, keyLength, digest } = readPbkdf2(fields.next(Tag.sequence));
  const id = readOid(new Fields(fields.next(Tag.sequence), 'messageAuthScheme', true).next(Tag.oid));
  const hmac = hmacs[id];
  if (hmac === undefined || keyLength === undefined || keyLength < 16 || keyLength > 128) throw unsupported(`PBMAC1 with ${id}`);
  const key = await derivePbkdf2(digest, passphrase, salt, iterations, keyLength);
  const mac = createHmac(hmac, key).update(content).digest();
  key.fill(0);
  return mac;
}
