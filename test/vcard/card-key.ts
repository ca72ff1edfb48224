import { constants, createECDH, privateEncrypt } from 'node:crypto';
import { encode, Tag, unsigned } from '../../src/formats/der.ts';
import type { KeyObject } from 'node:crypto';

interface Curve {
  /** For createECDH. */
  readonly name: string;
  /** Of the group (FIPS 186-4 D.1.2). */
  readonly order: bigint;
  readonly bytes: number;
}

const p256: Curve = { name: 'prime256v1', order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, bytes: 32 };
const p384: Curve = {
  name: 'secp384r1',
  order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  bytes: 48,
};

/** What a card does with a private key: RSA over a block that was padded outside, ECDSA on P-256 or P-384 over a hash that was made outside. */
export function rawSignature(privateKey: KeyObject, input: Buffer): Buffer {
  if (privateKey.asymmetricKeyType === 'rsa') return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, input);
  const { crv, d = '' } = privateKey.export({ format: 'jwk' });
  return ecdsa(crv === 'P-384' ? p384 : p256, number(Buffer.from(d, 'base64url')), input);
}

/** node:crypto signs no bare hash, so the arithmetic of FIPS 186-4 §6 stands here; for keys of tests only: it takes no care of timing. */
function ecdsa({ name, order, bytes }: Curve, d: bigint, hash: Buffer): Buffer {
  const octets = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex');
  for (;;) {
    const ephemeral = createECDH(name);
    const point = ephemeral.generateKeys();
    const r = number(point.subarray(1, 1 + bytes)) % order;
    const s = (inverse(number(ephemeral.getPrivateKey()), order) * (number(hash.subarray(0, bytes)) + r * d)) % order;
    if (r !== 0n && s !== 0n) return encode(Tag.sequence, unsigned(octets(r)), unsigned(octets(s)));
  }
}

function number(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`);
}

/** Modulo the order, by the extended Euclidean algorithm. */
function inverse(value: bigint, order: bigint): bigint {
  let [r0, r1, s0, s1] = [order, value % order, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  return ((s0 % order) + order) % order;
}
