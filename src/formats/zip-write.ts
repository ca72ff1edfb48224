import { crc32 } from 'node:zlib';

/** A file of a zip. */
export interface ZipEntry {
  /** UTF-8, `/` between directories. */
  readonly name: string;
  /** In memory, or in pieces that can be had twice: CRC-32 stands before the bytes. */
  readonly content: Buffer | (() => AsyncIterable<Uint8Array>);
}

interface Placed {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

const max32 = 0xffff_ffff;
/** 1980-01-01 00:00, the first that there is: the same content is the same zip. */
const date = 0x0021;
/** Names are UTF-8. */
const flags = 0x0800;

/**
 * A zip (APPNOTE.TXT 6.3), its files as they are, not compressed, in the order given; with the 64-bit fields where a size or an offset needs them.
 * The same bytes each time.
 */
export async function* zipPieces(entries: readonly ZipEntry[]): AsyncGenerator<Uint8Array> {
  const placed: Placed[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    const { crc, size } = await measure(content);
    const entry: Placed = { name: Buffer.from(name), crc, size, offset };
    placed.push(entry);
    const header = localHeader(entry);
    yield header;
    if (Buffer.isBuffer(content)) yield content;
    else yield* content();
    offset += header.length + size;
  }
  const directory = Buffer.concat(placed.map(centralHeader));
  yield directory;
  yield endOf(placed.length, directory.length, offset);
}

async function measure(content: ZipEntry['content']): Promise<{ readonly crc: number; readonly size: number }> {
  if (Buffer.isBuffer(content)) return { crc: crc32(content), size: content.length };
  let crc = 0;
  let size = 0;
  for await (const piece of content()) {
    crc = crc32(piece, crc);
    size += piece.length;
  }
  return { crc, size };
}

/** Little-endian fields: [bytes, value] each. */
function fields(...parts: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  return Buffer.concat(
    parts.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes);
      if (bytes === 8) field.writeBigUInt64LE(BigInt(value));
      else field.writeUIntLE(value, 0, bytes);
      return field;
    }),
  );
}

/** The extra field with the values that do not fit (4.5.3); empty when all do. */
function wideFields(...values: readonly number[]): Buffer {
  const wide = values.filter((value) => value >= max32);
  return wide.length === 0 ? Buffer.alloc(0) : fields([2, 0x0001], [2, 8 * wide.length], ...wide.map((value) => [8, value] as const));
}

function short(value: number): number {
  return Math.min(value, max32);
}

function localHeader({ name, crc, size }: Placed): Buffer {
  // Both sizes must be there (4.5.3).
  const extra = size >= max32 ? wideFields(size, size) : Buffer.alloc(0);
  const version = extra.length > 0 ? 45 : 20;
  const head = fields([4, 0x0403_4b50], [2, version], [2, flags], [2, 0], [2, 0], [2, date], [4, crc], [4, short(size)], [4, short(size)]);
  return Buffer.concat([head, fields([2, name.length], [2, extra.length]), name, extra]);
}

function centralHeader({ name, crc, size, offset }: Placed): Buffer {
  const extra = wideFields(size, size, offset);
  const version = extra.length > 0 ? 45 : 20;
  return Buffer.concat([
    // Made on UNIX, so that the rights below are read.
    fields(
      [4, 0x0201_4b50],
      [2, 0x0300 | version],
      [2, version],
      [2, flags],
      [2, 0],
      [2, 0],
      [2, date],
      [4, crc],
      [4, short(size)],
      [4, short(size)],
    ),
    fields([2, name.length], [2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0o100644 * 0x10000], [4, short(offset)]),
    name,
    extra,
  ]);
}

/** End of central directory; before it that of 64 bits where it is needed (4.3.14, 4.3.15). */
function endOf(count: number, length: number, offset: number): Buffer {
  const wide = count >= 0xffff || length >= max32 || offset >= max32;
  const record = fields([4, 0x0606_4b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, length], [8, offset]);
  const locator = fields([4, 0x0706_4b50], [4, 0], [8, offset + length], [4, 1]);
  const short16 = Math.min(count, 0xffff);
  const end = fields([4, 0x0605_4b50], [2, 0], [2, 0], [2, short16], [2, short16], [4, short(length)], [4, short(offset)], [2, 0]);
  return Buffer.concat([...(wide ? [record, locator] : []), end]);
}
