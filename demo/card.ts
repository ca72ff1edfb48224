/**
 * Run by cards.ts in a process of its own, since a PKCS#11 module belongs to one: prepares a SoftHSM token as an issuer of cards would.
 * stdin (JSON) says what; PINs come that way too and stand in no command line.
 * `request`: a new token with a key born on it; stdout is its PKCS#10 request (DER). `certificates`: puts them beside the key.
 */
import { createPublicKey, hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';
import { encodeName } from '../src/authority/names.ts';
import { ecdsaSignatureFromRaw } from '../src/formats/algorithms.ts';
import { bitString, context, encode, integer, oid, parse, sequence } from '../src/formats/der.ts';
import { parseCertificate } from '../src/formats/x509.ts';

export interface CardWork {
  readonly step: 'request' | 'certificates';
  readonly module: string;
  readonly label: string;
  readonly pin: string;
  readonly soPin: string;
  /** DER, base64; the signer's first. */
  readonly certificates: readonly string[];
}

const keyId = Buffer.from([1]);
const prime256v1 = oid('1.2.840.10045.3.1.7');
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));

const work = JSON.parse(readFileSync(0, 'utf8')) as CardWork;
const token = new pkcs11js.PKCS11();
token.load(work.module);
token.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
if (work.step === 'request') process.stdout.write(request());
else store(work.certificates.map((text) => Buffer.from(text, 'base64')));
token.C_Finalize();

function request(): Buffer {
  const free = token.C_GetSlotList(true).find((slot) => (token.C_GetTokenInfo(slot).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
  if (free === undefined) throw new Error('SoftHSM offers no empty token');
  // CK_TOKEN_INFO.label: 32 octets, padded with blanks.
  token.C_InitToken(free, work.soPin, work.label.padEnd(32));
  const session = open();
  token.C_Login(session, pkcs11js.CKU_SO, work.soPin);
  token.C_InitPIN(session, work.pin);
  token.C_Logout(session);
  token.C_Login(session, pkcs11js.CKU_USER, work.pin);
  const name = [
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_ID, value: keyId },
    { type: pkcs11js.CKA_LABEL, value: work.label },
  ];
  const pair = token.C_GenerateKeyPair(
    session,
    { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
    [...name, { type: pkcs11js.CKA_VERIFY, value: true }, { type: pkcs11js.CKA_EC_PARAMS, value: prime256v1 }],
    [
      ...name,
      { type: pkcs11js.CKA_SIGN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    ],
  );
  // CertificationRequestInfo, RFC 2986 §4.1
  const info = sequence(
    integer(0),
    encodeName({ commonName: `Sealtree EVALUATION ${work.label}` }),
    spki(session, pair.publicKey),
    encode(context(0, true)),
  );
  token.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, pair.privateKey);
  const signature = token.C_Sign(session, hash('sha256', info, 'buffer'), Buffer.alloc(64));
  return sequence(info, ecdsaWithSha256, bitString(ecdsaSignatureFromRaw(signature)));
}

function spki(session: pkcs11js.Handle, publicKey: pkcs11js.Handle): Buffer {
  const [attribute] = token.C_GetAttributeValue(session, publicKey, [{ type: pkcs11js.CKA_EC_POINT }]);
  const point = parse(attribute?.value ?? Buffer.alloc(0)).content;
  const [x, y] = [point.toString('base64url', 1, 33), point.toString('base64url', 33, 65)];
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } }).export({ type: 'spki', format: 'der' });
}

function store(certificates: readonly Buffer[]): void {
  const session = open();
  token.C_Login(session, pkcs11js.CKU_USER, work.pin);
  for (const [index, der] of certificates.entries()) {
    const { subject } = parseCertificate(der);
    token.C_CreateObject(session, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
      { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: false },
      { type: pkcs11js.CKA_SUBJECT, value: subject },
      { type: pkcs11js.CKA_VALUE, value: der },
      ...(index === 0 ? [{ type: pkcs11js.CKA_ID, value: keyId }] : []),
    ]);
  }
}

function open(): pkcs11js.Handle {
  const slot = token.C_GetSlotList(true).find((candidate) => token.C_GetTokenInfo(candidate).label.trim() === work.label);
  if (slot === undefined) throw new Error(`no token is called ${work.label}`);
  return token.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
}
