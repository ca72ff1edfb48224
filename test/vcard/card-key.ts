import { constants, createECDH, privateEncrypt } from 'node:crypto';
import { encode, Tag, unsigned } from '../../src/formats/der.ts';
import type { KeyObject } from 'node:crypto';

/** Order of the group (FIPS 186-4 D.1.2.3). */
const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const p256Bytes = 32;

/** What a card does with a private key: RSA over a block that was padded outside, ECDSA on P-256 over a hash that was made outside. */
export function rawSignature(privateKey: KeyObject, input: Buffer): Buffer {
  if (privateKey.asymmetricKeyType === 'rsa') return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, input);
  return ecdsa(privateKey, input);
}

/** node:crypto signs no bare hash, so the arithmetic of FIPS 186-4 §6 stands here; for keys of tests only: it takes no care of timing. */
function ecdsa(privateKey: KeyObject, hash: Buffer): Buffer {
  const d = number(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
  for (;;) {
    const ephemeral = createECDH('prime256v1');
    const point = ephemeral.generateKeys();
    const r = number(point.subarray(1, 1 + p256Bytes)) % p256Order;
    const s = (inverse(number(ephemeral.getPrivateKey())) * (number(hash.subarray(0, p256Bytes)) + r * d)) % p256Order;
    if (r !== 0n && s !== 0n) return encode(Tag.sequence, unsigned(octets(r)), unsigned(octets(s)));
  }
}

function number(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`);
}

function octets(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * p256Bytes, '0'), 'hex');
}

/** Modulo the order, by the extended Euclidean algorithm. */
function inverse(value: bigint): bigint {
  let [r0, r1, s0, s1] = [p256Order, value % p256Order, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  return ((s0 % p256Order) + p256Order) % p256Order;
}
