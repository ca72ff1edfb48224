import { createDecipheriv } from 'node:crypto';
import { Fields, readOid, Tag } from './der.ts';
import {
  bmpPassphrase,
  deriveOld,
  derivePbkdf2,
  maxOldIterations,
  Purpose,
  readIterations,
  readPbkdf2,
  unsupported,
} from './pkcs12-kdf.ts';
import { pkcs12Oids } from './pkcs12-oids.ts';
import { decryptRc2 } from './rc2.ts';
import type { Element } from './der.ts';

const ciphers: Readonly<Record<string, { readonly name: string; readonly keyLength: number }>> = {
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
};
/** RFC 7292 appendix C. */
const oldSchemes: Readonly<Record<string, { readonly cipher: 'des3' | 'rc2'; readonly keyLength: number }>> = {
  '1.2.840.113549.1.12.1.3': { cipher: 'des3', keyLength: 24 },
  '1.2.840.113549.1.12.1.4': { cipher: 'des3', keyLength: 16 },
  '1.2.840.113549.1.12.1.5': { cipher: 'rc2', keyLength: 16 },
  '1.2.840.113549.1.12.1.6': { cipher: 'rc2', keyLength: 5 },
};

/**
 * Decrypts with the scheme that an AlgorithmIdentifier names: PBES2 (RFC 8018 §6.2) or one of PKCS#12's own (RFC 7292 appendix C).
 * @param passphrase UTF-8
 * @returns the plain bytes, to be zeroed by the caller when they hold a key; undefined when the padding shows a wrong passphrase
 * @throws SealError SEAL-INPUT-INVALID for what is malformed or not supported, with a hint how to convert
 */
export async function decryptWithPassphrase(algorithm: Element, passphrase: Buffer, encrypted: Buffer): Promise<Buffer | undefined> {
  const fields = new Fields(algorithm, 'AlgorithmIdentifier', true);
  const id = readOid(fields.next(Tag.oid));
  const parameters = fields.next(Tag.sequence);
  if (id === pkcs12Oids.pbes2) return decryptPbes2(parameters, passphrase, encrypted);
  const scheme = oldSchemes[id];
  if (scheme === undefined) throw unsupported(`encryption ${id}`);
  return decryptOld(scheme, parameters, passphrase, encrypted);
}

async function decryptPbes2(parameters: Element, passphrase: Buffer, encrypted: Buffer): Promise<Buffer | undefined> {
  const fields = new Fields(parameters, 'PBES2-params', true);
  const { salt, iterations, digest } = readPbkdf2(fields.next(Tag.sequence));
  const scheme = new Fields(fields.next(Tag.sequence), 'encryptionScheme', true);
  const id = readOid(scheme.next(Tag.oid));
  const cipher = ciphers[id];
  if (cipher === undefined) throw unsupported(`cipher ${id}`);
  const iv = scheme.next(Tag.octetString).content;
  const key = await derivePbkdf2(digest, passphrase, salt, iterations, cipher.keyLength);
  return decipher(cipher.name, key, iv, encrypted);
}

function decryptOld(
  scheme: { readonly cipher: 'des3' | 'rc2'; readonly keyLength: number },
  parameters: Element,
  passphrase: Buffer,
  encrypted: Buffer,
): Buffer | undefined {
  const fields = new Fields(parameters, 'pkcs-12PbeParams', true);
  const salt = fields.next(Tag.octetString).content;
  const iterations = readIterations(fields.next(Tag.integer), maxOldIterations);
  const password = bmpPassphrase(passphrase);
  const key = deriveOld('sha1', password, salt, Purpose.key, iterations, scheme.keyLength);
  const iv = deriveOld('sha1', password, salt, Purpose.iv, iterations, 8);
  password.fill(0);
  if (scheme.cipher === 'des3')
    return decipher('des-ede3-cbc', key.length === 24 ? key : Buffer.concat([key, key.subarray(0, 8)]), iv, encrypted);
  try {
    return decryptRc2(key, iv, encrypted);
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}

/** Zeroes the key. */
function decipher(name: string, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer | undefined {
  let first = Buffer.alloc(0);
  try {
    const aes = createDecipheriv(name, key, iv);
    first = aes.update(encrypted);
    const last = aes.final();
    const plain = Buffer.concat([first, last]);
    last.fill(0);
    return plain;
  } catch {
    return undefined;
  } finally {
    first.fill(0);
    key.fill(0);
  }
}
