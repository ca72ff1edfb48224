import { sha2 } from './sha2.ts';

/** A DER element inside `bytes`: content from `from` to `to`, with its header from `start` on. */
export interface DerPart {
  readonly tag: number;
  readonly start: number;
  readonly from: number;
  readonly to: number;
}

/** What lies side by side between two places. @throws Error for anything but definite lengths that fit */
export function derParts(bytes: Uint8Array, from: number, to: number): DerPart[] {
  const parts: DerPart[] = [];
  for (let at = from; at < to;) {
    const start = at;
    const tag = bytes[at++] ?? 0;
    let length = bytes[at++] ?? 0;
    if ((tag & 0x1f) === 0x1f || length === 0x80 || length > 0x84) throw new Error('not DER');
    if (length > 0x80) {
      const end = at + (length & 0x7f);
      for (length = 0; at < end; at++) length = length * 256 + (bytes[at] ?? 0);
    }
    if (at + length > to) throw new Error('not DER: something is cut off');
    parts.push({ tag, start, from: at, to: at + length });
    at += length;
  }
  return parts;
}

/** The element at a path of positions below another one. @throws Error when there is none */
export function derAt(bytes: Uint8Array, part: DerPart, ...path: readonly number[]): DerPart {
  let found = part;
  for (const position of path) {
    const next = derParts(bytes, found.from, found.to)[position];
    if (next === undefined) throw new Error('not DER: something is missing');
    found = next;
  }
  return found;
}

/** Digest of an AlgorithmIdentifier, or of a SEQUENCE like one: 256, 384 or 512 bits of SHA-2. @throws Error for another one */
export function digestBits(bytes: Uint8Array, algorithm: DerPart): 256 | 384 | 512 {
  const { from, to } = derAt(bytes, algorithm, 0);
  const name = hex(bytes.subarray(from, to));
  if (name === '608648016503040201') return 256;
  if (name === '608648016503040202') return 384;
  if (name === '608648016503040203') return 512;
  throw new Error('a digest that this page does not know');
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Hexadecimal digest of bytes in pieces. */
export function digestHex(bits: 256 | 384 | 512, ...pieces: readonly Uint8Array[]): string {
  const hasher = sha2(bits);
  for (const piece of pieces) hasher.update(piece);
  return hex(hasher.digest());
}

/** What a timestamp says (RFC 3161 TSTInfo); its signature is not looked at. */
export interface TokenWords {
  readonly bits: 256 | 384 | 512;
  readonly imprint: string;
  /** `2026-11-22T18:00:00Z` */
  readonly time: string;
}

/** @param token ContentInfo */
export function readToken(bytes: Uint8Array, token: DerPart): TokenWords {
  // ContentInfo.content → SignedData.encapContentInfo.eContent → OCTET STRING → TSTInfo
  const info = derAt(bytes, token, 1, 0, 2, 1, 0, 0);
  const imprint = derAt(bytes, info, 2);
  const hash = derAt(bytes, imprint, 1);
  const time = derAt(bytes, info, 4);
  const digits = String.fromCharCode(...bytes.subarray(time.from, time.to));
  return {
    bits: digestBits(bytes, derAt(bytes, imprint, 0)),
    imprint: hex(bytes.subarray(hash.from, hash.to)),
    time: digits.replace(/^(....)(..)(..)(..)(..)(.*)$/, '$1-$2-$3T$4:$5:$6'),
  };
}

/** An archive timestamp (RFC 4998 §4.1). */
export interface Stamp {
  readonly bits: 256 | 384 | 512;
  /** Hashes of each list, hexadecimal. */
  readonly lists: readonly (readonly string[])[];
  readonly token: Uint8Array;
  readonly words: TokenWords;
}

/** A chain with the bytes of it and of all chains before it. */
export interface Chain {
  readonly stamps: readonly Stamp[];
  readonly raw: Uint8Array;
}

/** The parts of an evidence record (RFC 4998 §3.1) that hashes run through. @throws Error when it is none */
export function readRecord(bytes: Uint8Array): Chain[] {
  const [record, ...rest] = derParts(bytes, 0, bytes.length);
  if (record === undefined || rest.length > 0) throw new Error('not an evidence record');
  const fields = derParts(bytes, record.from, record.to);
  const sequence = fields.at(-1);
  if (sequence === undefined) throw new Error('not an evidence record');
  return derParts(bytes, sequence.from, sequence.to).map((chain) => ({
    raw: bytes.subarray(chain.start, chain.to),
    stamps: derParts(bytes, chain.from, chain.to).map((stamp) => readStamp(bytes, stamp)),
  }));
}

export function readStamp(bytes: Uint8Array, stamp: DerPart): Stamp {
  const fields = derParts(bytes, stamp.from, stamp.to);
  const token = fields.at(-1);
  if (token === undefined) throw new Error('a timestamp is missing');
  const words = readToken(bytes, token);
  const algorithm = fields.find(({ tag }) => tag === 0xa0);
  const tree = fields.find(({ tag }) => tag === 0xa2);
  const lists = tree === undefined ? [] : derParts(bytes, tree.from, tree.to);
  return {
    bits: algorithm === undefined ? words.bits : digestBits(bytes, algorithm),
    lists: lists.map((list) => derParts(bytes, list.from, list.to).map(({ from, to }) => hex(bytes.subarray(from, to)))),
    token: bytes.subarray(token.start, token.to),
    words,
  };
}

/** DER of the SEQUENCE of these chains: what a hash-tree renewal hashes (RFC 4998 §5.3). */
export function sequenceOf(chains: readonly Chain[]): Uint8Array[] {
  let length = chains.reduce((sum, { raw }) => sum + raw.length, 0);
  const header: number[] = [];
  const short = length < 0x80;
  if (short) header.push(length);
  for (; !short && length > 0; length = Math.floor(length / 256)) header.unshift(length % 256);
  if (!short) header.unshift(0x80 + header.length);
  return [Uint8Array.of(0x30, ...header), ...chains.map(({ raw }) => raw)];
}
