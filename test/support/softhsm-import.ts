/** Run by softhsm.ts in a process of its own: puts a private key and certificates on a token, as stdin (JSON) says. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { children, octetString, parse } from '../../src/formats/der.ts';
import type { KeyObject } from 'node:crypto';

interface Wanted {
  readonly module: string;
  readonly token: string;
  readonly pin: string;
  readonly id: string;
  readonly label: string;
  readonly publicKey: boolean;
  /** PEM; absent: certificates alone. */
  readonly privateKey?: string;
  readonly certificate?: string;
  readonly chain: readonly string[];
}

/** CKK_EC_EDWARDS, which pkcs11js does not name, and id-Ed25519 (RFC 8410 §3). */
const edwards = 0x40;
const ed25519 = Buffer.from('06032b6570', 'hex');
const wanted = JSON.parse(readFileSync(0, 'utf8')) as Wanted;
const module = new pkcs11js.PKCS11();
module.load(wanted.module);
module.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
const slot = module.C_GetSlotList(true).find((candidate) => module.C_GetTokenInfo(candidate).label.trim() === wanted.token);
if (slot === undefined) throw new Error(`no token ${wanted.token}`);
const session = module.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
module.C_Login(session, pkcs11js.CKU_USER, wanted.pin);

const names = [
  { type: pkcs11js.CKA_TOKEN, value: true },
  { type: pkcs11js.CKA_ID, value: Buffer.from(wanted.id, 'hex') },
  { type: pkcs11js.CKA_LABEL, value: wanted.label },
];
if (wanted.privateKey !== undefined) storeKey(createPrivateKey(wanted.privateKey));
if (wanted.certificate !== undefined) store(wanted.certificate, names);
for (const der of wanted.chain) store(der, [{ type: pkcs11js.CKA_TOKEN, value: true }]);
module.C_Finalize();

function storeKey(key: KeyObject): void {
  module.C_CreateObject(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
    ...names,
    { type: pkcs11js.CKA_PRIVATE, value: true },
    { type: pkcs11js.CKA_SENSITIVE, value: true },
    { type: pkcs11js.CKA_SIGN, value: true },
    ...(key.asymmetricKeyType === 'rsa' ? rsaPrivate(key) : key.asymmetricKeyType === 'ec' ? ecPrivate(key) : edPrivate(key)),
  ]);
  if (wanted.publicKey && key.asymmetricKeyType !== 'rsa') module.C_CreateObject(session, [...names, ...ecPublic(key)]);
}

function store(base64: string, attributes: pkcs11js.Template): void {
  const der = Buffer.from(base64, 'base64');
  const [tbs] = children(parse(der));
  const subject = tbs === undefined ? undefined : children(tbs)[5];
  module.C_CreateObject(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
    ...attributes,
    { type: pkcs11js.CKA_PRIVATE, value: false },
    { type: pkcs11js.CKA_SUBJECT, value: subject?.raw ?? Buffer.alloc(0) },
    { type: pkcs11js.CKA_VALUE, value: der },
  ]);
}

function rsaPrivate(privateKey: KeyObject): pkcs11js.Template {
  const jwk = privateKey.export({ format: 'jwk' });
  const number = (type: number, value: string | undefined) => ({ type, value: Buffer.from(value ?? '', 'base64url') });
  return [
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_RSA },
    number(pkcs11js.CKA_MODULUS, jwk.n),
    number(pkcs11js.CKA_PUBLIC_EXPONENT, jwk.e),
    number(pkcs11js.CKA_PRIVATE_EXPONENT, jwk.d),
    number(pkcs11js.CKA_PRIME_1, jwk.p),
    number(pkcs11js.CKA_PRIME_2, jwk.q),
    number(pkcs11js.CKA_EXPONENT_1, jwk.dp),
    number(pkcs11js.CKA_EXPONENT_2, jwk.dq),
    number(pkcs11js.CKA_COEFFICIENT, jwk.qi),
  ];
}

/** ECPrivateKey (RFC 5915) with its curve from the SubjectPublicKeyInfo: JWK does not know brainpool. */
function ecPrivate(privateKey: KeyObject): pkcs11js.Template {
  const [, scalar] = children(parse(privateKey.export({ type: 'sec1', format: 'der' })));
  return [
    { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_EC },
    { type: pkcs11js.CKA_EC_PARAMS, value: spki(privateKey).curve },
    { type: pkcs11js.CKA_VALUE, value: scalar?.content ?? Buffer.alloc(0) },
  ];
}

/** Ed25519 (PKCS#11 v3.0 §2.3.5); the curve by its OID. */
function edPrivate(privateKey: KeyObject): pkcs11js.Template {
  const { d = '' } = privateKey.export({ format: 'jwk' });
  return [
    { type: pkcs11js.CKA_KEY_TYPE, value: edwards },
    { type: pkcs11js.CKA_EC_PARAMS, value: ed25519 },
    { type: pkcs11js.CKA_VALUE, value: Buffer.from(d, 'base64url') },
  ];
}

function ecPublic(privateKey: KeyObject): pkcs11js.Template {
  const { curve, point } = spki(privateKey);
  return [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PUBLIC_KEY },
    { type: pkcs11js.CKA_KEY_TYPE, value: privateKey.asymmetricKeyType === 'ec' ? pkcs11js.CKK_EC : edwards },
    { type: pkcs11js.CKA_EC_PARAMS, value: curve },
    { type: pkcs11js.CKA_EC_POINT, value: octetString(point) },
    { type: pkcs11js.CKA_VERIFY, value: true },
  ];
}

function spki(privateKey: KeyObject): { curve: Buffer; point: Buffer } {
  const [algorithm, key] = children(parse(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })));
  const parameters = algorithm === undefined ? undefined : children(algorithm)[1];
  return { curve: parameters?.raw ?? ed25519, point: key?.content.subarray(1) ?? Buffer.alloc(0) };
}
