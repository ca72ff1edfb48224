import { crc32, inflateRawSync } from 'node:zlib';
import { SealError } from '../errors.ts';
import { bufferSource } from './memory-source.ts';
import { displayName, isUtf8 } from './names.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ByteRange, ByteSource, OutputPart } from '../ports/bytes.ts';

/** A file in a zip. */
export interface ZipMember {
  /** `/` between directories, none of them `..`. */
  readonly name: string;
  /** Bytes, unpacked. */
  readonly size: number;
  /**
   * Its bytes. Stored ones are ranges of the zip; packed ones are unpacked into memory.
   * @throws SealError SEAL-INPUT-INVALID when they are not what the directory says, SEAL-DOC-LIMIT
   */
  open(): ByteSource;
}

export const zipLimits = {
  files: 10_000,
  /** Bytes of the central directory. */
  directory: 16 * 1024 * 1024,
  /** Bytes that are unpacked into memory, of all files together. */
  unpacked: 256 * 1024 * 1024,
} as const;

/** What the central directory says about a file (APPNOTE.TXT 4.3.12). */
interface Entry {
  readonly name: Buffer;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly header: number;
}

/** Whether a file begins like a zip. */
export function looksLikeZip(source: ByteSource): boolean {
  return source.read(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1'));
}

/**
 * Reads the directory of a zip. Hostile input: names that lead elsewhere, names twice, files that share bytes, encryption, several volumes and
 * bytes in front or behind are refused; directories are passed over.
 * @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT
 */
export function readZip(source: ByteSource): ZipMember[] {
  const directory = findDirectory(source);
  const entries = readDirectory(source, directory);
  const members: ZipMember[] = [];
  const seen = new Set<string>();
  const budget = { left: zipLimits.unpacked };
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.header - b.header)) {
    const data = dataOf(source, entry);
    if (entry.header < end) throw invalid(`${displayName(entry.name)} shares bytes with another file`);
    end = data.offset + data.length;
    if (end > directory.offset) throw invalid(`${displayName(entry.name)} reaches into the directory`);
  }
  for (const entry of entries) {
    const name = plainName(entry.name);
    if (seen.has(name)) throw invalid(`${displayName(name)} is there twice`);
    seen.add(name);
    if (name.endsWith('/')) continue;
    let opened: ByteSource | undefined;
    members.push({ name, size: entry.size, open: () => (opened ??= openMember(source, entry, budget)) });
  }
  return members;
}

interface Directory extends ByteRange {
  readonly count: number;
}

/** End of central directory (4.3.16), the last thing in the file but its comment, or that of 64 bits (4.3.14, 4.3.15). */
function findDirectory(source: ByteSource): Directory {
  const tail = source.read(Math.max(0, source.size - 66_000), 66_000);
  const at = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (at < 0 || tail.length - at < 22) throw invalid('there is no end of central directory');
  const end = tail.subarray(at);
  if (22 + end.readUInt16LE(20) !== end.length) throw invalid('bytes lie behind its end');
  const found = wideDirectory(source, source.size - end.length) ?? {
    count: volumes(end.readUInt16LE(4), end.readUInt16LE(6), end.readUInt16LE(10)),
    length: end.readUInt32LE(12),
    offset: end.readUInt32LE(16),
    behind: source.size - end.length,
  };
  if (found.offset + found.length !== found.behind) throw invalid('the central directory is not where its end says');
  if (found.count > zipLimits.files) throw exceeded(`${zipLimits.files} files`);
  if (found.length > zipLimits.directory) throw exceeded(`${zipLimits.directory} bytes of directory`);
  return found;
}

function wideDirectory(source: ByteSource, end: number): (Directory & { readonly behind: number }) | undefined {
  const locator = source.read(Math.max(0, end - 20), 20);
  if (locator.length < 20 || locator.readUInt32LE(0) !== 0x0706_4b50) return undefined;
  const behind = number64(locator, 8);
  const record = source.read(behind, 56);
  if (record.length < 56 || record.readUInt32LE(0) !== 0x0606_4b50 || behind + 12 + number64(record, 4) !== end - 20)
    throw invalid('the end of central directory of 64 bits is malformed');
  const count = volumes(record.readUInt32LE(16), record.readUInt32LE(20), number64(record, 32));
  return { count, length: number64(record, 40), offset: number64(record, 48), behind };
}

function volumes(disk: number, start: number, count: number): number {
  if (disk !== 0 || start !== 0) throw invalid('it has several volumes');
  return count;
}

function readDirectory(source: ByteSource, { offset, length, count }: Directory): Entry[] {
  const bytes = source.read(offset, length);
  const entries: Entry[] = [];
  let at = 0;
  for (let n = 0; n < count; n++) {
    if (bytes.length - at < 46 || bytes.readUInt32LE(at) !== 0x0201_4b50) throw invalid('the central directory is malformed');
    const head = bytes.subarray(at, at + 46);
    const [nameLength, extraLength, commentLength] = [head.readUInt16LE(28), head.readUInt16LE(30), head.readUInt16LE(32)];
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw invalid('the central directory is malformed');
    const name = bytes.subarray(at + 46, at + 46 + nameLength);
    if ((head.readUInt16LE(8) & 0x2041) !== 0) throw invalid(`${displayName(name)} is encrypted`);
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const [size, packed, header] = widened(extra, [head.readUInt32LE(24), head.readUInt32LE(20), head.readUInt32LE(42)]);
    entries.push({ name, method: head.readUInt16LE(10), crc: head.readUInt32LE(16), packed, size, header });
    at = next;
  }
  if (at !== bytes.length) throw invalid('the central directory is longer than its files');
  return entries;
}

/** Values that did not fit, in their order, from the extra field (4.5.3). */
function widened(extra: Buffer, values: readonly [number, number, number]): [number, number, number] {
  let wide: Buffer = Buffer.alloc(0);
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2))
    if (extra.readUInt16LE(at) === 0x0001) wide = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
  let used = 0;
  const take = (value: number): number => {
    if (value !== 0xffff_ffff) return value;
    if (wide.length < used + 8) throw invalid('a size of 64 bits is missing');
    used += 8;
    return number64(wide, used - 8);
  };
  return [take(values[0]), take(values[1]), take(values[2])];
}

function number64(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('a size is impossible');
  return Number(value);
}

/** Behind the local header (4.3.7), which must name the same file. */
function dataOf(source: ByteSource, { header, name, packed, method }: Entry): ByteRange {
  const head = source.read(header, 30);
  if (head.length < 30 || head.readUInt32LE(0) !== 0x0403_4b50) throw invalid(`${displayName(name)} is not where the directory says`);
  const nameLength = head.readUInt16LE(26);
  if (head.readUInt16LE(8) !== method || !source.read(header + 30, nameLength).equals(name))
    throw invalid(`${displayName(name)} is called otherwise in front of its bytes`);
  return { offset: header + 30 + nameLength + head.readUInt16LE(28), length: packed };
}

function plainName(bytes: Buffer): string {
  const name = bytes.toString('utf8');
  const parts = name.replace(/\/$/, '').split('/');
  const bad =
    !isUtf8(bytes) || name.includes('\\') || name.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..');
  if (bad) throw invalid(`the name ${displayName(bytes)} is none`);
  return name;
}

function openMember(source: ByteSource, entry: Entry, budget: { left: number }): ByteSource {
  const { name, method, size, crc } = entry;
  const data = dataOf(source, entry);
  if (method === 0) {
    if (data.length !== size) throw invalid(`${displayName(name)} is not as long as the directory says`);
    return rangeSource(source, data);
  }
  if (method !== 8) throw invalid(`${displayName(name)} is packed by method ${method}, which is not read`);
  // Blocks without content may be repeated at will; an honest packer adds a few bytes to each 16 KiB.
  if (data.length > 2 * size + 1024) throw invalid(`${displayName(name)} is packed into more bytes than it has`);
  if (size > budget.left) throw exceeded(`${zipLimits.unpacked} bytes unpacked`);
  budget.left -= size;
  const bytes = inflated(source.read(data.offset, data.length), size);
  if (bytes?.length !== size || crc32(bytes) !== crc) throw invalid(`${displayName(name)} does not unpack to what the directory says`);
  return bufferSource(bytes);
}

function inflated(packed: Buffer, size: number): Buffer | undefined {
  try {
    return size === 0 ? Buffer.alloc(0) : inflateRawSync(packed, { maxOutputLength: size });
  } catch {
    return undefined;
  }
}

/** A part of a source as a source. Each digest of the whole is computed once: thousands of references may name the same file. */
function rangeSource(source: ByteSource, { offset, length }: ByteRange): ByteSource {
  const known = new Map<AnyDigest, Buffer>();
  const digestOf = (algorithm: AnyDigest): Buffer => {
    const digest = known.get(algorithm) ?? source.digest(algorithm, [{ offset, length }]);
    known.set(algorithm, digest);
    return digest;
  };
  const within = (part: OutputPart): OutputPart =>
    part instanceof Uint8Array ? part : { offset: offset + part.offset, length: Math.min(part.length, length - part.offset) };
  return {
    size: length,
    read: (at, count) => source.read(offset + Math.min(at, length), Math.max(0, Math.min(count, length - at))),
    digest: (algorithm: AnyDigest, parts?: readonly OutputPart[]) =>
      parts === undefined ? digestOf(algorithm) : source.digest(algorithm, parts.map(within)),
  };
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `zip: ${message}`, { hint: 'get the container again from its source' });
}

function exceeded(limit: string): SealError {
  return new SealError('SEAL-DOC-LIMIT', `zip: more than ${limit}`, { hint: 'unpack it and verify what is in it file by file' });
}
