import { SealError } from '../errors.ts';

/**
 * RC2 decryption (RFC 2268), only because old programs protect the certificates of a PKCS#12 file with it; OpenSSL 3 no longer brings it
 * without its legacy provider. Never used to encrypt.
 */

// RFC 2268 §2: a permutation of 0…255 from the digits of pi.
const piTable = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb6266fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
);
const rotations = [1, 2, 3, 5] as const;

function pi(index: number): number {
  return piTable[index & 0xff] ?? 0;
}

/** 64 round keys of 16 bits (RFC 2268 §2); the effective length is that of the key. */
function expandKey(key: Buffer): Uint16Array {
  const octets = new Uint8Array(128);
  octets.set(key);
  const at = (index: number): number => octets[index] ?? 0;
  const length = key.length;
  for (let i = length; i < 128; i++) octets[i] = pi(at(i - 1) + at(i - length));
  octets[128 - length] = pi(at(128 - length));
  for (let i = 127 - length; i >= 0; i--) octets[i] = pi(at(i + 1) ^ at(i + length));
  return Uint16Array.from({ length: 64 }, (_, i) => at(2 * i) | (at(2 * i + 1) << 8));
}

/** One block in place (RFC 2268 §4). */
function decryptBlock(words: Uint16Array, keys: Uint16Array): void {
  const word = (index: number): number => words[(index + 4) & 3] ?? 0;
  let next = 63;
  const mix = (): void => {
    for (let i = 3; i >= 0; i--) {
      const by = rotations[i] ?? 0;
      const turned = (word(i) >> by) | (word(i) << (16 - by));
      words[i] = turned - (keys[next--] ?? 0) - (word(i - 1) & word(i - 2)) - (~word(i - 1) & word(i - 3));
    }
  };
  const mash = (): void => {
    for (let i = 3; i >= 0; i--) words[i] = word(i) - (keys[word(i - 1) & 63] ?? 0);
  };
  for (let round = 0; round < 16; round++) {
    if (round === 5 || round === 11) mash();
    mix();
  }
}

/**
 * RC2-CBC with PKCS#7 padding removed.
 * @param key 5 or 16 bytes; its length is also the effective key length
 * @param iv 8 bytes
 * @throws SealError SEAL-INPUT-INVALID when length or padding is wrong (a wrong key)
 */
export function decryptRc2(key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  if (encrypted.length === 0 || encrypted.length % 8 !== 0) throw new SealError('SEAL-INPUT-INVALID', 'RC2: not whole blocks');
  const keys = expandKey(key);
  const plain = Buffer.alloc(encrypted.length);
  const words = new Uint16Array(4);
  for (let at = 0; at < encrypted.length; at += 8) {
    for (let i = 0; i < 4; i++) words[i] = encrypted.readUInt16LE(at + 2 * i);
    decryptBlock(words, keys);
    const before = at === 0 ? iv : encrypted.subarray(at - 8, at);
    for (let i = 0; i < 4; i++) plain.writeUInt16LE((words[i] ?? 0) ^ before.readUInt16LE(2 * i), at + 2 * i);
  }
  const padding = plain.at(-1) ?? 0;
  const end = plain.length - padding;
  if (padding < 1 || padding > 8 || plain.subarray(end).some((octet) => octet !== padding))
    throw new SealError('SEAL-INPUT-INVALID', 'RC2: padding');
  return plain.subarray(0, end);
}
