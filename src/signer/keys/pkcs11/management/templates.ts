import { octetString, oid, parse, Tag, unsigned } from '../../../../formats/der.ts';
import { oids } from '../../../../formats/oids.ts';
import type pkcs11js from 'pkcs11js';
import type { NewKeyKind } from '../../../../ports/key-management.ts';
import type { Pkcs11 } from '../module.ts';
import type { NewCertificateObject } from './messages.ts';

const curves: Partial<Record<NewKeyKind, string>> = {
  'p-256': oids.secp256r1,
  'p-384': oids.secp384r1,
  brainpoolP256r1: oids.brainpoolP256r1,
  brainpoolP384r1: oids.brainpoolP384r1,
};

/** What C_GenerateKeyPair is given. */
export interface KeyPairTemplates {
  readonly mechanism: number;
  readonly publicKey: pkcs11js.Template;
  readonly privateKey: pkcs11js.Template;
}

/**
 * A key pair for signatures that never leaves the token: private, sensitive, not extractable (PKCS#11 §4.9). No usage but signing is asked for, so that
 * a card with policies of its own has nothing to refuse.
 */
export function keyPairTemplates(api: Pkcs11, kind: NewKeyKind, id: Buffer, label: string): KeyPairTemplates {
  const names = [
    { type: api.CKA_TOKEN, value: true },
    { type: api.CKA_ID, value: id },
    { type: api.CKA_LABEL, value: label },
  ];
  const curve = curves[kind];
  const parameters =
    curve === undefined
      ? [
          { type: api.CKA_MODULUS_BITS, value: Number(kind.slice(4)) },
          { type: api.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
        ]
      : [{ type: api.CKA_EC_PARAMS, value: oid(curve) }];
  return {
    mechanism: curve === undefined ? api.CKM_RSA_PKCS_KEY_PAIR_GEN : api.CKM_EC_KEY_PAIR_GEN,
    publicKey: [{ type: api.CKA_CLASS, value: api.CKO_PUBLIC_KEY }, ...names, { type: api.CKA_VERIFY, value: true }, ...parameters],
    privateKey: [
      { type: api.CKA_CLASS, value: api.CKO_PRIVATE_KEY },
      ...names,
      { type: api.CKA_PRIVATE, value: true },
      { type: api.CKA_SENSITIVE, value: true },
      { type: api.CKA_EXTRACTABLE, value: false },
      { type: api.CKA_SIGN, value: true },
    ],
  };
}

/** An X.509 certificate object that everybody may read (PKCS#11 §4.6.3). */
export function certificateTemplate(
  api: Pkcs11,
  { der, label, id, subject, issuer, serialNumber }: NewCertificateObject,
): pkcs11js.Template {
  return [
    { type: api.CKA_CLASS, value: api.CKO_CERTIFICATE },
    { type: api.CKA_CERTIFICATE_TYPE, value: api.CKC_X_509 },
    { type: api.CKA_TOKEN, value: true },
    { type: api.CKA_PRIVATE, value: false },
    { type: api.CKA_LABEL, value: label },
    ...(id === undefined ? [] : [{ type: api.CKA_ID, value: id }]),
    { type: api.CKA_SUBJECT, value: subject },
    { type: api.CKA_ISSUER, value: issuer },
    { type: api.CKA_SERIAL_NUMBER, value: unsigned(serialNumber) },
    { type: api.CKA_VALUE, value: der },
  ];
}

/** CKA_EC_POINT is an OCTET STRING around the point (PKCS#11 §6.3.3); some modules give the bare point. */
export function ecPoint(value: Buffer): Buffer {
  const wrapped = value.length > 2 && octetString(value.subarray(2)).equals(value);
  return wrapped ? parse(value, Tag.octetString).content : value;
}
