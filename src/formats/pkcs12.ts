import { createPrivateKey, timingSafeEqual } from 'node:crypto';
import { SealError } from '../errors.ts';
import { children, context, Fields, parse, readOid, readSmall, Tag } from './der.ts';
import { decryptWithPassphrase } from './pkcs12-crypto.ts';
import { computeMac } from './pkcs12-mac.ts';
import { convertHint, unsupported } from './pkcs12-kdf.ts';
import { pkcs12Oids as ids } from './pkcs12-oids.ts';
import type { KeyObject } from 'node:crypto';
import type { Element } from './der.ts';

export { writePkcs12 } from './pkcs12-write.ts';

export interface Pkcs12Key {
  readonly privateKey: KeyObject;
  /** localKeyId: the certificate with the same one belongs to the key. */
  readonly localKeyId?: Buffer;
}

export interface Pkcs12Certificate {
  readonly der: Buffer;
  readonly localKeyId?: Buffer;
}

export interface Pkcs12Content {
  readonly keys: readonly Pkcs12Key[];
  /** In the order of the file. */
  readonly certificates: readonly Pkcs12Certificate[];
}

const maxBytes = 2 ** 22;
const maxBags = 256;

/**
 * Opens a PKCS#12 file (RFC 7292; PBES2, PBMAC1 and the old schemes but RC4), DER or BER. Hostile input.
 * @param passphrase UTF-8; stays the caller's, who zeroes it
 * @throws SealError SEAL-KEY-PASSPHRASE when the passphrase is wrong, SEAL-INPUT-INVALID when the file is malformed or uses what is not supported
 */
export async function openPkcs12(file: Buffer, passphrase: Buffer): Promise<Pkcs12Content> {
  if (file.length > maxBytes) throw invalid(`larger than ${maxBytes} bytes`);
  const pfx = new Fields(parse(file, Tag.sequence, true), 'PFX', true);
  const version = readSmall(pfx.next(Tag.integer));
  if (version !== 3) throw unsupported(`version ${version}`);
  const safe = readContentInfo(pfx.next(Tag.sequence));
  if (safe.type !== ids.data) throw unsupported('integrity by public key');
  const content = octets(safe.content);
  const macData = pfx.optional(Tag.sequence);
  if (macData !== undefined) await checkMac(macData, passphrase, content);
  const found = { keys: [] as Pkcs12Key[], certificates: [] as Pkcs12Certificate[], bags: 0 };
  for (const info of children(parse(content, Tag.sequence, true), true)) await readSafe(info, passphrase, found, macData !== undefined);
  return { keys: found.keys, certificates: found.certificates };
}

interface Found {
  readonly keys: Pkcs12Key[];
  readonly certificates: Pkcs12Certificate[];
  bags: number;
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `PKCS#12: ${message}`, { hint: 'is it a .p12 or .pfx file, and complete?' });
}

function wrongPassphrase(): SealError {
  return new SealError('SEAL-KEY-PASSPHRASE', 'the passphrase does not open the PKCS#12 file', {
    hint: 'put the right passphrase where “passphrase:” of this key points to',
  });
}

async function checkMac(macData: Element, passphrase: Buffer, content: Buffer): Promise<void> {
  const { expected, actual } = await computeMac(macData, passphrase, content);
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) throw wrongPassphrase();
}

function readContentInfo(element: Element): { readonly type: string; readonly content: Element } {
  const fields = new Fields(element, 'ContentInfo', true);
  const type = readOid(fields.next(Tag.oid));
  const [content] = children(fields.next(context(0, true)), true);
  if (content === undefined) throw invalid('ContentInfo without content');
  return { type, content };
}

/** Bytes of an OCTET STRING that BER may have cut into pieces. */
function octets(element: Element, depth = 0): Buffer {
  if ((element.tag & 0x20) === 0) return element.content;
  if (depth > 4) throw invalid('nested too deep');
  return Buffer.concat(children(element, true).map((piece) => octets(piece, depth + 1)));
}

/** One ContentInfo of the authenticated safe (RFC 7292 §4.1). */
async function readSafe(info: Element, passphrase: Buffer, found: Found, authentic: boolean): Promise<void> {
  const { type, content } = readContentInfo(info);
  if (type === ids.data) return readBags(octets(content), passphrase, found, authentic);
  if (type !== ids.encryptedData) throw unsupported('encryption for a public key');
  const encryptedData = new Fields(content, 'EncryptedData', true);
  encryptedData.next(Tag.integer);
  const encrypted = new Fields(encryptedData.next(Tag.sequence), 'EncryptedContentInfo', true);
  encrypted.next(Tag.oid);
  const algorithm = encrypted.next(Tag.sequence);
  const bytes = octets(encrypted.next(context(0), context(0, true)));
  await readBags(await decrypt(algorithm, passphrase, bytes, authentic), passphrase, found, authentic);
}

async function decrypt(algorithm: Element, passphrase: Buffer, bytes: Buffer, authentic: boolean): Promise<Buffer> {
  const plain = await decryptWithPassphrase(algorithm, passphrase, bytes);
  if (plain !== undefined) return plain;
  throw authentic ? invalid('an encrypted part is damaged, or has another passphrase than the file') : wrongPassphrase();
}

/** SafeContents (RFC 7292 §4.2). */
async function readBags(safeContents: Buffer, passphrase: Buffer, found: Found, authentic: boolean, depth = 0): Promise<void> {
  if (depth > 4) throw invalid('nested too deep');
  for (const bag of children(parse(safeContents, Tag.sequence, true), true)) {
    if (++found.bags > maxBags) throw invalid(`more than ${maxBags} entries`);
    const fields = new Fields(bag, 'SafeBag', true);
    const id = readOid(fields.next(Tag.oid));
    const [value] = children(fields.next(context(0, true)), true);
    if (value === undefined) throw invalid('an empty bag');
    const localKeyId = readLocalKeyId(fields.optional(Tag.set));
    const named = localKeyId === undefined ? {} : { localKeyId };
    if (id === ids.keyBag) found.keys.push({ privateKey: readPrivateKey(Buffer.from(value.raw)), ...named });
    else if (id === ids.pkcs8ShroudedKeyBag) found.keys.push({ privateKey: await readShrouded(value, passphrase, authentic), ...named });
    else if (id === ids.certBag) {
      const der = readCertBag(value);
      if (der !== undefined) found.certificates.push({ der, ...named });
    } else if (id === ids.safeContentsBag) await readBags(value.raw, passphrase, found, authentic, depth + 1);
  }
}

async function readShrouded(value: Element, passphrase: Buffer, authentic: boolean): Promise<KeyObject> {
  const fields = new Fields(value, 'EncryptedPrivateKeyInfo', true);
  const algorithm = fields.next(Tag.sequence);
  return readPrivateKey(await decrypt(algorithm, passphrase, octets(fields.next(Tag.octetString, 0x24)), authentic));
}

/** Zeroes `der`. */
function readPrivateKey(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new SealError('SEAL-INPUT-INVALID', 'PKCS#12: the private key cannot be read', { cause, hint: convertHint });
  } finally {
    der.fill(0);
  }
}

function readCertBag(value: Element): Buffer | undefined {
  const fields = new Fields(value, 'CertBag', true);
  if (readOid(fields.next(Tag.oid)) !== ids.x509Certificate) return undefined;
  const [certificate] = children(fields.next(context(0, true)), true);
  return certificate === undefined ? undefined : octets(certificate);
}

function readLocalKeyId(attributes: Element | undefined): Buffer | undefined {
  for (const attribute of attributes === undefined ? [] : children(attributes, true)) {
    const fields = new Fields(attribute, 'PKCS12Attribute', true);
    if (readOid(fields.next(Tag.oid)) !== ids.localKeyId) continue;
    const [value] = children(fields.next(Tag.set), true);
    if (value !== undefined) return octets(value);
  }
  return undefined;
}
