import { crc32, deflateRawSync } from 'node:zlib';

/** A file of a zip, and what is wrong with it. */
export interface ZipPart {
  readonly name: string | Buffer;
  readonly bytes: Buffer;
  readonly packed?: boolean;
  /** What the headers say instead of the truth. */
  readonly size?: number;
  readonly crc?: number;
  readonly flags?: number;
  readonly method?: number;
  /** The name in front of the bytes. */
  readonly localName?: string;
  /** Where the directory says it begins. */
  readonly offset?: number;
}

/** A zip byte by byte, right or wrong (APPNOTE.TXT 4.3). */
export function makeZip(parts: readonly ZipPart[], { count = parts.length, comment = '' } = {}): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const part of parts) {
    const name = Buffer.from(part.name);
    const localName = Buffer.from(part.localName ?? name);
    const data = part.packed === true ? deflateRawSync(part.bytes) : part.bytes;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(part.flags ?? 0x0800, 2);
    common.writeUInt16LE(part.method ?? (part.packed === true ? 8 : 0), 4);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(part.crc ?? crc32(part.bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(part.size ?? part.bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const head = Buffer.concat([Buffer.from('PK\x03\x04'), common, localName]);
    head.writeUInt16LE(localName.length, 26);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(part.offset ?? at, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), common, tail, name);
    local.push(head, data);
    at += head.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...local, directory, end, Buffer.from(comment)]);
}
