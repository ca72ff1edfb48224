import { hash } from 'node:crypto';
import { SealError } from '../../../errors.ts';
import { encode, octetString, sequence, Tag, unsigned } from '../../../formats/der.ts';
import { digestAlgorithmIdentifierWithNull, digestLengths } from '../../../formats/digests.ts';
import { signsWith } from '../../../formats/algorithms.ts';
import type { MechanismCall } from './messages.ts';
import type { DigestAlgorithm, KeyType, SignatureAlgorithm } from '../../../model/algorithms.ts';

/** Mechanism numbers of PKCS#11 (CKM_…), and the hash and mask generation numbers inside CK_RSA_PKCS_PSS_PARAMS. */
const rsaPkcs = 0x01;
const rsaPss = 0x0d;
const ecdsa = 0x1041;
const eddsa = 0x1057;
const numbers: Readonly<Record<DigestAlgorithm, { hash: number; mgf: number; rsaPkcs: number; rsaPss: number; ecdsa: number }>> = {
  sha256: { hash: 0x250, mgf: 2, rsaPkcs: 0x40, rsaPss: 0x43, ecdsa: 0x1044 },
  sha384: { hash: 0x260, mgf: 3, rsaPkcs: 0x41, rsaPss: 0x44, ecdsa: 0x1045 },
  sha512: { hash: 0x270, mgf: 4, rsaPkcs: 0x42, rsaPss: 0x45, ecdsa: 0x1046 },
};

/** How a token makes a kind of signature. */
export interface SigningMechanism {
  readonly call: MechanismCall;
  /** What C_Sign is given: the DigestInfo, the bare hash, or, where the token insists on hashing, everything. */
  readonly input: (data: Buffer) => Buffer;
  /** C_Sign's answer as signature formats want it. */
  readonly output: (raw: Buffer) => Buffer;
}

/**
 * The mechanism for an algorithm, from those that a token offers: hashing here and sending only the hash, which works everywhere tried; hashing on
 * the token only where nothing else is offered.
 * @param offered CKM numbers of C_GetMechanismList
 * @returns undefined when the token cannot do it
 */
export function mechanismFor(keyType: KeyType, algorithm: SignatureAlgorithm, offered: readonly number[]): SigningMechanism | undefined {
  const number = numbers[algorithm.digest];
  const digest = (data: Buffer): Buffer => hash(algorithm.digest, data, 'buffer');
  const pick = (bare: SigningMechanism, whole: MechanismCall): SigningMechanism | undefined => {
    if (offered.includes(bare.call.mechanism)) return bare;
    return offered.includes(whole.mechanism) ? { ...bare, call: whole, input: same } : undefined;
  };
  if (keyType.type === 'ec') return pick({ call: { mechanism: ecdsa }, input: digest, output: ecdsaToDer }, { mechanism: number.ecdsa });
  if (keyType.type === 'ed25519')
    return signsWith(keyType, algorithm) && offered.includes(eddsa) ? { call: { mechanism: eddsa }, input: same, output: same } : undefined;
  if (keyType.type !== 'rsa' && keyType.type !== 'rsa-pss') return undefined;
  if (algorithm.padding === 'pss') {
    const pss = { hashAlg: number.hash, mgf: number.mgf, saltLen: digestLengths[algorithm.digest] };
    return pick({ call: { mechanism: rsaPss, pss }, input: digest, output: same }, { mechanism: number.rsaPss, pss });
  }
  if (keyType.type === 'rsa-pss') return undefined;
  const digestInfo = (data: Buffer): Buffer => sequence(digestAlgorithmIdentifierWithNull(algorithm.digest), octetString(digest(data)));
  return pick({ call: { mechanism: rsaPkcs }, input: digestInfo, output: same }, { mechanism: number.rsaPkcs });
}

/**
 * The same for a call of the key.
 * @param name of the key
 * @throws SealError SEAL-KEY-MECHANISM when the token cannot do it
 */
export function requireMechanism(
  name: string,
  keyType: KeyType,
  algorithm: SignatureAlgorithm,
  offered: readonly number[],
): SigningMechanism {
  const mechanism = mechanismFor(keyType, algorithm, offered);
  if (mechanism !== undefined) return mechanism;
  const wanted = [algorithm.digest, algorithm.padding].filter(Boolean).join(' with ');
  throw new SealError('SEAL-KEY-MECHANISM', `${name}: the token offers no mechanism for ${wanted}`, {
    where: name,
    hint: 'choose another digest or padding in the profile, or another key',
  });
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

/** Whether C_Sign answers with r‖s. @param mechanism CKM number */
export function isEcdsa(mechanism: number): boolean {
  return mechanism === ecdsa || Object.values(numbers).some((number) => number.ecdsa === mechanism);
}

/** r‖s of C_Sign as the DER SEQUENCE of CMS (RFC 3279 §2.2.3); a module that gives DER already is left alone. */
export function ecdsaToDer(raw: Buffer): Buffer {
  const half = raw.length / 2;
  if (raw.length % 2 !== 0 || isSequence(raw)) return raw;
  return encode(Tag.sequence, unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half)));
}

/** A bare r‖s that happens to look like this is one in 2³² and is caught when the signature is verified. */
function isSequence(raw: Buffer): boolean {
  return raw[0] === Tag.sequence && raw[1] === raw.length - 2 && raw[2] === Tag.integer && (raw[3] ?? 255) <= raw.length / 2 - 2;
}
