import { createHash } from 'node:crypto';
import { hardenedHash, rc4, unwrapKey } from './ciphers.ts';

/** What the encryption dictionary of the Standard security handler says (ISO 32000-2 table 21). */
export interface StandardHandler {
  readonly revision: number;
  /** Bytes. */
  readonly keyLength: number;
  readonly permissions: number;
  readonly encryptMetadata: boolean;
  readonly id: Buffer;
  readonly o: Buffer;
  readonly u: Buffer;
  readonly oe: Buffer;
  readonly ue: Buffer;
}

export interface FileKey {
  readonly key: Buffer;
  readonly owner: boolean;
}

/**
 * The file key that a password opens, as owner's or user's; undefined when it opens nothing.
 * Passwords with other characters than ASCII are tried as they come and, for the older revisions, as ISO 8859-1.
 */
export function openFileKey(handler: StandardHandler, password: Buffer): FileKey | undefined {
  if (handler.revision >= 5) return openModern(handler, password.subarray(0, 127));
  const other = latin1(password);
  const found = openLegacy(handler, password) ?? openLegacy(handler, other);
  other.fill(0);
  return found;
}

// Algorithms 2.A, 11 and 12: each password has a validation salt and a key salt behind its hash.
function openModern(handler: StandardHandler, password: Buffer): FileKey | undefined {
  const { o, u, oe, ue } = handler;
  const none = Buffer.alloc(0);
  const digest = (salt: Buffer, user: Buffer): Buffer =>
    handler.revision === 6 ? hardenedHash(password, salt, user) : createHash('sha256').update(password).update(salt).update(user).digest();
  if (digest(o.subarray(32, 40), u).equals(o.subarray(0, 32))) return { key: unwrapKey(digest(o.subarray(40, 48), u), oe), owner: true };
  if (digest(u.subarray(32, 40), none).equals(u.subarray(0, 32)))
    return { key: unwrapKey(digest(u.subarray(40, 48), none), ue), owner: false };
  return undefined;
}

const padding = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');

function padded(password: Buffer): Buffer {
  return Buffer.concat([password.subarray(0, 32), padding], 32);
}

function openLegacy(handler: StandardHandler, password: Buffer): FileKey | undefined {
  const own = padded(password);
  const users = userOfOwner(handler, own);
  const asOwner = userKey(handler, users);
  const key = asOwner ?? userKey(handler, own);
  // Copies of passwords do not stay in memory.
  own.fill(0);
  users.fill(0);
  return key && { key, owner: asOwner !== undefined };
}

function md5(...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash('md5');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/** Algorithm 2 for the key, 4 to 6 for the check. */
function userKey(handler: StandardHandler, user: Buffer): Buffer | undefined {
  const { revision, keyLength, o, u, id } = handler;
  const permissions = Buffer.alloc(4);
  permissions.writeInt32LE(handler.permissions);
  const metadata = revision >= 4 && !handler.encryptMetadata ? Buffer.alloc(4, 0xff) : Buffer.alloc(0);
  let key = md5(user, o, permissions, id, metadata).subarray(0, keyLength);
  if (revision >= 3) for (let i = 0; i < 50; i++) key = md5(key).subarray(0, keyLength);
  if (revision === 2) return rc4(key, padding).equals(u) ? key : undefined;
  let check = md5(padding, id);
  for (let i = 0; i < 20; i++) check = rc4(varied(key, i), check);
  return check.equals(u.subarray(0, 16)) ? key : undefined;
}

/** Algorithm 7: /O is the user's password under the owner's. */
function userOfOwner(handler: StandardHandler, owner: Buffer): Buffer {
  let key = md5(owner);
  if (handler.revision >= 3) for (let i = 0; i < 50; i++) key = md5(key);
  key = key.subarray(0, handler.keyLength);
  if (handler.revision === 2) return rc4(key, handler.o);
  let user: Buffer = Buffer.from(handler.o);
  for (let i = 19; i >= 0; i--) user = rc4(varied(key, i), user);
  return user;
}

function varied(key: Buffer, by: number): Buffer {
  return key.map((octet) => octet ^ by) as Buffer;
}

/** UTF-8 of characters up to U+00FF as one byte each, without ever making a string of the password. */
function latin1(password: Buffer): Buffer {
  const out = Buffer.alloc(password.length);
  let length = 0;
  for (let at = 0; at < password.length; at++) {
    const first = password[at] ?? 0;
    const second = password[at + 1] ?? 0;
    if ((first & 0xfe) === 0xc2 && (second & 0xc0) === 0x80) {
      out[length++] = ((first & 3) << 6) | (second & 0x3f);
      at++;
    } else out[length++] = first;
  }
  return out.subarray(0, length);
}
