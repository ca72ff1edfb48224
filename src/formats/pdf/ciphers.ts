import { createCipheriv, createDecipheriv, createHash, hash } from 'node:crypto';
import { damaged } from './refusals.ts';

/** RC4, which OpenSSL no longer offers; old documents need it. */
export function rc4(key: Uint8Array, data: Uint8Array): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  const swap = (i: number, j: number): void => {
    const kept = state[i] ?? 0;
    state[i] = state[j] ?? 0;
    state[j] = kept;
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) & 0xff;
    swap(i, j);
  }
  const out = Buffer.alloc(data.length);
  for (let at = 0, i = 0, j = 0; at < data.length; at++) {
    i = (i + 1) & 0xff;
    j = (j + (state[i] ?? 0)) & 0xff;
    swap(i, j);
    out[at] = (data[at] ?? 0) ^ (state[((state[i] ?? 0) + (state[j] ?? 0)) & 0xff] ?? 0);
  }
  return out;
}

function aesName(key: Uint8Array): string {
  return `aes-${key.length * 8}-cbc`;
}

/** AES-CBC behind its initialisation vector (ISO 32000-2 §7.6.3.1). @throws SealError SEAL-DOC-DAMAGED */
export function decryptAes(key: Uint8Array, data: Buffer): Buffer {
  if (data.length === 0) return data;
  try {
    const decipher = createDecipheriv(aesName(key), key, data.subarray(0, 16));
    return Buffer.concat([decipher.update(data.subarray(16)), decipher.final()]);
  } catch {
    throw damaged('an encrypted string or stream cannot be decrypted');
  }
}

/** @param iv 16 bytes, written in front */
export function encryptAes(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv(aesName(key), key, iv);
  return Buffer.concat([iv, cipher.update(data), cipher.final()]);
}

const zeroIv = Buffer.alloc(16);

/** AES-256-CBC, initialisation vector zero, no padding: how /UE and /OE keep the file key (§7.6.4.3.3, algorithm 2.A). */
export function unwrapKey(key: Uint8Array, wrapped: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', key, zeroIv).setAutoPadding(false);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/** The hash of security handler revision 6 (§7.6.4.3.4, algorithm 2.B). @param u the 48 bytes of /U for an owner password, else none */
export function hardenedHash(password: Uint8Array, salt: Uint8Array, u: Uint8Array): Buffer {
  let key = createHash('sha256').update(password).update(salt).update(u).digest();
  for (let round = 0, last = 0; round < 64 || last > round - 32; round++) {
    const once = Buffer.concat([password, key, u]);
    const cipher = createCipheriv('aes-128-cbc', key.subarray(0, 16), key.subarray(16, 32)).setAutoPadding(false);
    const repeated = Buffer.concat(Array<Buffer>(64).fill(once));
    const encrypted = cipher.update(repeated);
    // The first 16 bytes as a number modulo 3: 256 is 1 modulo 3, so the sum of the bytes does.
    const remainder = encrypted.subarray(0, 16).reduce((sum, octet) => sum + octet, 0) % 3;
    key = hash(remainder === 0 ? 'sha256' : remainder === 1 ? 'sha384' : 'sha512', encrypted, 'buffer');
    last = encrypted.at(-1) ?? 0;
    // Copies of the password do not stay in memory.
    once.fill(0);
    repeated.fill(0);
  }
  return key.subarray(0, 32);
}
