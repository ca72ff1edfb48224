import { hash, pbkdf2 } from 'node:crypto';
import { SealError } from '../errors.ts';
import { Fields, readOid, readSmall, Tag } from './der.ts';
import { pkcs12Oids } from './pkcs12-oids.ts';
import type { Element } from './der.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** Keys out of passphrases for PKCS#12 files. Buffers with secrets are zeroed by whoever received them. */

/** HMAC identifiers (RFC 8018 §B.1.2) as node:crypto names them. */
export const hmacs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

// A file from outside must not decide how long we compute: PBKDF2 runs in the thread pool, the old derivation on the main thread.
const maxPbkdf2Iterations = 10_000_000;
export const maxOldIterations = 500_000;

export const convertHint =
  'convert the file: openssl pkcs12 -legacy -in OLD.p12 -out key.pem, then openssl pkcs12 -export -in key.pem -out NEW.p12, and shred key.pem';

/** What this product does not read, with the way out. */
export function unsupported(what: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `PKCS#12: ${what} is not supported`, { hint: convertHint });
}

/** The iteration count, within a limit. @throws SealError SEAL-INPUT-INVALID */
export function readIterations(element: Element | undefined, limit: number): number {
  const iterations = element === undefined ? 1 : readSmall(element);
  if (iterations < 1 || iterations > limit)
    throw new SealError('SEAL-INPUT-INVALID', `PKCS#12: ${iterations} iterations; at most ${limit} are accepted`, { hint: convertHint });
  return iterations;
}

/**
 * The passphrase as the old derivation wants it: UTF-16BE with two closing zero octets (RFC 7292 §B.1).
 * @param passphrase UTF-8
 * @returns a new Buffer, to be zeroed by the caller
 */
export function bmpPassphrase(passphrase: Buffer): Buffer {
  const wide = Buffer.alloc(passphrase.length * 2 + 4);
  let length = 0;
  // Decoded by hand: a JavaScript string could not be wiped.
  for (let at = 0; at < passphrase.length;) {
    const first = passphrase[at] ?? 0;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let point = size === 1 ? first : first & (0x7f >> size);
    for (let i = 1; i < size; i++) point = (point << 6) | ((passphrase[at + i] ?? 0) & 0x3f);
    at += size;
    if (point > 0xffff) {
      length = wide.writeUInt16BE(0xd800 | ((point - 0x10000) >> 10), length);
      point = 0xdc00 | ((point - 0x10000) & 0x3ff);
    }
    length = wide.writeUInt16BE(point, length);
  }
  return wide.subarray(0, length + 2);
}

export const Purpose = { key: 1, iv: 2, mac: 3 } as const;

/**
 * Key derivation of PKCS#12 (RFC 7292 §B.2).
 * @param password from `bmpPassphrase`
 * @param purpose the ID octet
 * @returns `length` bytes, to be zeroed by the caller when they are a key
 */
export function deriveOld(digest: AnyDigest, password: Buffer, salt: Buffer, purpose: number, iterations: number, length: number): Buffer {
  const block = digest === 'sha384' || digest === 'sha512' ? 128 : 64;
  const repeat = (bytes: Buffer): Buffer =>
    bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  const diversifier = Buffer.alloc(block, purpose);
  const state = Buffer.concat([repeat(salt), repeat(password)]);
  const result = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    let hashed = hash(digest, Buffer.concat([diversifier, state]), 'buffer');
    for (let i = 1; i < iterations; i++) hashed = hash(digest, hashed, 'buffer');
    done += hashed.copy(result, done);
    addToBlocks(state, Buffer.alloc(block, hashed));
    hashed.fill(0);
  }
  state.fill(0);
  return result;
}

/** Each block of `state` becomes (block + addend + 1) mod 2^(8·length). */
function addToBlocks(state: Buffer, addend: Buffer): void {
  for (let start = 0; start < state.length; start += addend.length) {
    let carry = 1;
    for (let i = addend.length - 1; i >= 0; i--) {
      carry += (state[start + i] ?? 0) + (addend[i] ?? 0);
      state[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
  addend.fill(0);
}

/** PBKDF2 in the thread pool. @returns `length` bytes, to be zeroed by the caller */
export function derivePbkdf2(digest: string, passphrase: Buffer, salt: Buffer, iterations: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(passphrase, salt, iterations, length, digest, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

export interface Pbkdf2Parameters {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly keyLength: number | undefined;
  readonly digest: string;
}

/** PBKDF2-params inside their AlgorithmIdentifier (RFC 8018 §A.2). @throws SealError SEAL-INPUT-INVALID */
export function readPbkdf2(algorithm: Element): Pbkdf2Parameters {
  const kdf = new Fields(algorithm, 'keyDerivationFunc', true);
  const id = readOid(kdf.next(Tag.oid));
  if (id !== pkcs12Oids.pbkdf2) throw unsupported(`key derivation ${id}`);
  const fields = new Fields(kdf.next(Tag.sequence), 'PBKDF2-params', true);
  const salt = fields.next(Tag.octetString).content;
  const iterations = readIterations(fields.next(Tag.integer), maxPbkdf2Iterations);
  const keyLength = fields.optional(Tag.integer);
  const prf = fields.optional(Tag.sequence);
  const prfId = prf === undefined ? '1.2.840.113549.2.7' : readOid(new Fields(prf, 'prf', true).next(Tag.oid));
  const digest = hmacs[prfId];
  if (digest === undefined) throw unsupported(`pseudo-random function ${prfId}`);
  return { salt, iterations, keyLength: keyLength === undefined ? undefined : readSmall(keyLength), digest };
}
