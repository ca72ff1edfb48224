import { createHmac, hash } from 'node:crypto';
import { decryptAes, encryptAes, rc4 } from './ciphers.ts';
import { Dictionary, isInteger, StringObject, type Value } from './objects.ts';
import { openFileKey, type StandardHandler } from './passwords.ts';
import { damaged, locked, notSupported } from './refusals.ts';

type Method = 'identity' | 'rc4' | 'aes-128' | 'aes-256';

/** An opened encrypted document: turns strings and streams of an object into plain bytes and back. */
export interface Security {
  /** Opened with the owner's password: every permission. */
  readonly owner: boolean;
  /** /P: access permissions (ISO 32000-2 table 22), signed 32 bits. */
  readonly permissions: number;
  decryptString(number: number, generation: number, data: Buffer): Buffer;
  decryptStream(number: number, generation: number, data: Buffer): Buffer;
  encryptString(number: number, generation: number, data: Buffer): Buffer;
}

/**
 * Opens the Standard security handler (ISO 32000-2 §7.6.4): RC4 of 40 to 128 bits, AES-128, AES-256 (revisions 5 and 6).
 * @param encrypt all values direct, as `resolved` gives them
 * @param id first element of /ID
 * @param password as bytes: user or owner password; empty when none was given
 * @throws SealError SEAL-DOC-ENCRYPTED (wrong or missing password, another handler), SEAL-DOC-DAMAGED
 */
export function openSecurity(encrypt: Dictionary, resolve: (value: Value | undefined) => Value, id: Buffer, password: Buffer): Security {
  if (encrypt.name('Filter') !== 'Standard')
    throw locked(
      `the document is encrypted for certificates or by a handler of its own (/${encrypt.name('Filter') ?? '?'})`,
      'decrypt the document before it is signed',
    );
  const { handler, strings, streams } = describe(encrypt, resolve, id);
  // A password of the root serves documents that open without one too.
  const opened = openFileKey(handler, password) ?? (password.length === 0 ? undefined : openFileKey(handler, Buffer.alloc(0)));
  if (!opened)
    throw locked(password.length === 0 ? 'the document is encrypted and no password was given' : 'the password does not open the document');
  const keyFor = (method: Method, number: number, generation: number): Buffer =>
    method === 'aes-256' ? opened.key : objectKey(opened.key, number, generation, method === 'aes-128');
  const decrypt = (method: Method, number: number, generation: number, data: Buffer): Buffer => {
    if (method === 'identity') return data;
    const key = keyFor(method, number, generation);
    return method === 'rc4' ? rc4(key, data) : decryptAes(key, data);
  };
  return {
    owner: opened.owner,
    permissions: handler.permissions,
    decryptString: (number, generation, data) => decrypt(strings, number, generation, data),
    decryptStream: (number, generation, data) => decrypt(streams, number, generation, data),
    encryptString(number, generation, data) {
      if (strings === 'identity') return data;
      const key = keyFor(strings, number, generation);
      return strings === 'rc4' ? rc4(key, data) : encryptAes(key, syntheticIv(opened.key, number, data), data);
    },
  };
}

/** Depends on key, object and text alone: the same update comes out bit for bit the same, and no vector serves two texts. */
function syntheticIv(key: Buffer, number: number, data: Buffer): Buffer {
  return createHmac('sha256', key).update(`${number}:`).update(data).digest().subarray(0, 16);
}

/** §7.6.3.2, algorithm 1. */
function objectKey(key: Buffer, number: number, generation: number, aes: boolean): Buffer {
  const salt = Buffer.alloc(5);
  salt.writeUIntLE(number, 0, 3);
  salt.writeUIntLE(generation, 3, 2);
  const digest = hash('md5', Buffer.concat([key, salt, Buffer.from(aes ? 'sAlT' : '', 'latin1')]), 'buffer');
  return digest.subarray(0, Math.min(key.length + 5, 16));
}

interface Description {
  readonly handler: StandardHandler;
  readonly strings: Method;
  readonly streams: Method;
}

function describe(encrypt: Dictionary, resolve: (value: Value | undefined) => Value, id: Buffer): Description {
  const number = (key: string, otherwise?: number): number => {
    const value = resolve(encrypt.get(key)) ?? otherwise;
    if (!isInteger(value)) throw damaged(`/${key} of the encryption dictionary is missing`);
    return value;
  };
  const bytes = (key: string, length: number): Buffer => {
    const value = resolve(encrypt.get(key));
    const found = value instanceof StringObject ? value.value() : Buffer.alloc(0);
    if (found.length < length) throw damaged(`/${key} of the encryption dictionary is missing`);
    return found.subarray(0, length);
  };
  const version = number('V', 0);
  const revision = number('R');
  const modern = revision >= 5;
  if (![1, 2, 4, 5].includes(version) || ![2, 3, 4, 5, 6].includes(revision) || modern !== (version === 5))
    throw notSupported(`encryption of version ${version}, revision ${revision}`, 'decrypt the document before it is signed');
  const bits = version === 1 ? 40 : version === 2 ? number('Length', 40) : version === 4 ? 128 : 256;
  if (bits < 40 || bits > 256 || bits % 8 !== 0) throw damaged('/Length of the encryption dictionary is out of range');
  const handler: StandardHandler = {
    revision,
    keyLength: bits / 8,
    permissions: number('P') | 0,
    encryptMetadata: resolve(encrypt.get('EncryptMetadata')) !== false,
    id,
    o: bytes('O', modern ? 48 : 32),
    u: bytes('U', modern ? 48 : 32),
    oe: modern ? bytes('OE', 32) : Buffer.alloc(0),
    ue: modern ? bytes('UE', 32) : Buffer.alloc(0),
  };
  if (version < 4) return { handler, strings: 'rc4', streams: 'rc4' };
  return { handler, strings: method(encrypt, 'StrF', resolve), streams: method(encrypt, 'StmF', resolve) };
}

/** Crypt filter for strings or streams (§7.6.6). */
function method(encrypt: Dictionary, key: 'StrF' | 'StmF', resolve: (value: Value | undefined) => Value): Method {
  const name = encrypt.name(key) ?? 'Identity';
  if (name === 'Identity') return 'identity';
  const filters = resolve(encrypt.get('CF'));
  const filter = filters instanceof Dictionary ? resolve(filters.get(name)) : null;
  const chosen = filter instanceof Dictionary ? (filter.name('CFM') ?? 'None') : undefined;
  if (chosen === 'V2') return 'rc4';
  if (chosen === 'AESV2') return 'aes-128';
  if (chosen === 'AESV3') return 'aes-256';
  throw notSupported(`crypt filter /${name} of an unknown method`, 'decrypt the document before it is signed');
}
