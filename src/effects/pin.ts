import { readSync } from 'node:fs';
import { resolve } from 'node:path';
import { ReadStream, WriteStream } from 'node:tty';
import { readSecretNow } from './secrets.ts';

const maxLength = 256;

/**
 * Reads a PIN into a Buffer that never becomes a string: without echo from the terminal, or from a private file, or from standard input.
 * @returns the PIN; the caller zeroes it
 */
export function readPin(prompt: string, file: string | undefined): Buffer {
  if (file !== undefined && file !== '-') return readSecretNow({ file: resolve(file) });
  if (file === '-' || !process.stdin.isTTY) return readLine(0);
  if (process.stderr instanceof WriteStream) process.stderr.write(prompt);
  if (process.stdin instanceof ReadStream) process.stdin.setRawMode(true);
  try {
    return readLine(0);
  } finally {
    if (process.stdin instanceof ReadStream) process.stdin.setRawMode(false);
    process.stderr.write('\n');
  }
}

function readLine(descriptor: number): Buffer {
  const line = Buffer.alloc(maxLength);
  const octet = Buffer.alloc(1);
  let length = 0;
  try {
    while (readSync(descriptor, octet, 0, 1, null) === 1) {
      const [value = 0] = octet;
      if (value === 0x0a || value === 0x0d || value === 0x04) break;
      if (value === 0x03) return Buffer.alloc(0);
      if (value === 0x7f || value === 0x08) length = Math.max(0, length - 1);
      else if (length < maxLength) line[length++] = value;
    }
    return Buffer.from(line.subarray(0, length));
  } finally {
    line.fill(0);
    octet.fill(0);
  }
}
