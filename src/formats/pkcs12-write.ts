import { createCipheriv, createPublicKey } from 'node:crypto';
import { context, encode, integer, nullValue, octetString, oid, sequence, setOf, Tag } from './der.ts';
import { derivePbkdf2 } from './pkcs12-kdf.ts';
import { macOld } from './pkcs12-mac.ts';
import { pkcs12Oids as ids } from './pkcs12-oids.ts';
import { sha256 } from './digests.ts';
import type { KeyObject } from 'node:crypto';

export interface NewPkcs12 {
  readonly privateKey: KeyObject;
  /** DER, the key's own first, then others; none: the key alone. */
  readonly certificates: readonly Buffer[];
  /** Shown by other programs. */
  readonly friendlyName?: string;
  /** UTF-8; stays the caller's, who zeroes it. */
  readonly passphrase: Buffer;
  readonly random: (length: number) => Buffer;
}

// OWASP's figure for PBKDF2-HMAC-SHA256 protects the key; the MAC's derivation runs in JavaScript, where 2048 is what others write too.
const iterations = 600_000;
const macIterations = 2048;

/**
 * A PKCS#12 file (RFC 7292): key and certificates under PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, MAC with SHA-256. OpenSSL, Java,
 * Windows and browsers of these days read it.
 * @returns DER PFX
 */
export async function writePkcs12(content: NewPkcs12): Promise<Buffer> {
  // What ties key and certificate together: from the key, so that it stays when the certificate is another one.
  const localKeyId = sha256(createPublicKey(content.privateKey).export({ type: 'spki', format: 'der' }));
  const attributes = [
    attribute(ids.localKeyId, octetString(localKeyId)),
    ...(content.friendlyName === undefined ? [] : [attribute(ids.friendlyName, bmpString(content.friendlyName))]),
  ];
  const certBags = content.certificates.map((der, index) =>
    bag(ids.certBag, sequence(oid(ids.x509Certificate), encode(context(0, true), octetString(der))), index === 0 ? attributes : []),
  );
  const plainKey = content.privateKey.export({ type: 'pkcs8', format: 'der' });
  const key = await encrypt(plainKey, content);
  plainKey.fill(0);
  const shrouded = bag(ids.pkcs8ShroudedKeyBag, sequence(key.algorithm, octetString(key.encrypted)), attributes);
  const certificates = certBags.length === 0 ? [] : [encryptedContent(await encrypt(sequence(...certBags), content))];
  const safe = sequence(...certificates, data(sequence(shrouded)));
  return sequence(integer(3), data(safe), macData(safe, content));
}

function data(bytes: Buffer): Buffer {
  return sequence(oid(ids.data), encode(context(0, true), octetString(bytes)));
}

function bag(id: string, value: Buffer, attributes: readonly Buffer[]): Buffer {
  return sequence(oid(id), encode(context(0, true), value), ...(attributes.length === 0 ? [] : [setOf(...attributes)]));
}

function attribute(id: string, value: Buffer): Buffer {
  return sequence(oid(id), setOf(value));
}

function bmpString(text: string): Buffer {
  return encode(Tag.bmpString, Buffer.from(text, 'utf16le').swap16());
}

interface Encrypted {
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Buffer;
  readonly encrypted: Buffer;
}

/** PBES2 (RFC 8018 §6.2). */
async function encrypt(plain: Buffer, { passphrase, random }: NewPkcs12): Promise<Encrypted> {
  const salt = random(16);
  const iv = random(16);
  const key = await derivePbkdf2('sha256', passphrase, salt, iterations, 32);
  const aes = createCipheriv('aes-256-cbc', key, iv);
  const encrypted = Buffer.concat([aes.update(plain), aes.final()]);
  key.fill(0);
  const prf = sequence(oid(ids.hmacWithSHA256), nullValue);
  const kdf = sequence(oid(ids.pbkdf2), sequence(octetString(salt), integer(iterations), prf));
  return { algorithm: sequence(oid(ids.pbes2), sequence(kdf, sequence(oid(ids.aes256Cbc), octetString(iv)))), encrypted };
}

function encryptedContent({ algorithm, encrypted }: Encrypted): Buffer {
  const info = sequence(oid(ids.data), algorithm, encode(context(0), encrypted));
  return sequence(oid(ids.encryptedData), encode(context(0, true), sequence(integer(0), info)));
}

function macData(safe: Buffer, { passphrase, random }: NewPkcs12): Buffer {
  const salt = random(16);
  const mac = macOld('sha256', passphrase, salt, macIterations, safe);
  return sequence(sequence(sequence(oid(ids.sha256), nullValue), octetString(mac)), octetString(salt), integer(macIterations));
}
