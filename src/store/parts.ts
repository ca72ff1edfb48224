import { SealError } from '../errors.ts';
import type { OutputPart } from '../ports/bytes.ts';

/*
 * Column signature_parts.parts. One part after the other: octet 0, length (u32), the bytes; or octet 1, offset (u48), length (u48) of a
 * range of the input. All big endian.
 */
const bytesHead = 1 + 4;
const rangeSize = 1 + 6 + 6;

/** Encodes the parts of an output for the database. */
export function encodeParts(parts: readonly OutputPart[]): Buffer {
  const size = parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? bytesHead + part.length : rangeSize), 0);
  const encoded = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      encoded[at] = 0;
      encoded.writeUInt32BE(part.length, at + 1);
      encoded.set(part, at + bytesHead);
      at += bytesHead + part.length;
    } else {
      encoded[at] = 1;
      encoded.writeUIntBE(part.offset, at + 1, 6);
      encoded.writeUIntBE(part.length, at + 7, 6);
      at += rangeSize;
    }
  }
  return encoded;
}

const nothing = Buffer.alloc(0);

/** Encodes the parts without their own bytes: ranges as they are, nothing in the place of each piece of new bytes. */
export function encodeShape(parts: readonly OutputPart[]): Buffer {
  return encodeParts(parts.map((part) => (part instanceof Uint8Array ? nothing : part)));
}

/**
 * The parts again; their bytes are views of `encoded`.
 * @throws SealError SEAL-STORE-CORRUPT
 */
export function decodeParts(encoded: Buffer): OutputPart[] {
  const parts: OutputPart[] = [];
  for (let at = 0; at < encoded.length;) {
    const isRange = encoded[at] === 1;
    const end = isRange ? at + rangeSize : at + bytesHead + (at + bytesHead > encoded.length ? 0 : encoded.readUInt32BE(at + 1));
    if (end > encoded.length || (!isRange && encoded[at] !== 0))
      throw new SealError('SEAL-STORE-CORRUPT', 'the parts of an output cannot be read', {
        hint: 'restore the last backup of the data directory (docs/operations.md)',
      });
    parts.push(
      isRange ? { offset: encoded.readUIntBE(at + 1, 6), length: encoded.readUIntBE(at + 7, 6) } : encoded.subarray(at + bytesHead, end),
    );
    at = end;
  }
  return parts;
}
