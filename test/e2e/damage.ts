import { readFileSync, writeFileSync } from 'node:fs';

/** A copy of a file with one bit turned. @param part of the file, 0 to 1 */
export function flipBit(file: string, copy: string, part: number): string {
  const bytes = readFileSync(file);
  const at = Math.min(bytes.length - 1, Math.floor(bytes.length * part));
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(copy, bytes);
  return copy;
}
