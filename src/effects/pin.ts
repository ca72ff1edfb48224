import { readSync } from 'node:fs';
import { resolve } from 'node:path';
import { isatty, ReadStream } from 'node:tty';
import { errnoOf, SealError } from '../errors.ts';
import { readSecretNow } from './secrets.ts';

const maxLength = 256;
/** ms between two looks at an input that has nothing yet. */
const pause = 20;

const key = { interrupt: 0x03, endOfInput: 0x04, backspace: 0x08, lineFeed: 0x0a, carriageReturn: 0x0d, erase: 0x7f } as const;

/**
 * Reads a PIN into a Buffer that never becomes a string: without echo from the terminal, or from a private file, or from standard input.
 * @param file a path, or `-` for standard input
 * @returns the PIN; the caller zeroes it
 * @throws SealError SEAL-CONFIG-SECRET for a file that others can read; SEAL-INTERRUPTED
 */
export function readPin(prompt: string, file: string | undefined): Buffer {
  if (file !== undefined && file !== '-') return readSecretNow({ file: resolve(file) });
  // Not process.stdin.isTTY: that opens a pipe as a stream, and what comes through it is gone.
  if (file === '-' || !isatty(0)) return readLine(0, false);
  const terminal = new ReadStream(0);
  // Before the prompt: whoever types at once is not shown.
  terminal.setRawMode(true);
  try {
    process.stderr.write(prompt);
    return readLine(0, true);
  } finally {
    terminal.setRawMode(false);
    terminal.destroy();
    process.stderr.write('\n');
  }
}

/** One line. @param keys whether a person types: then keys erase, end and interrupt */
function readLine(descriptor: number, keys: boolean): Buffer {
  const line = Buffer.alloc(maxLength);
  const octet = Buffer.alloc(1);
  let length = 0;
  try {
    while (readOctet(descriptor, octet)) {
      const [value = 0] = octet;
      if (value === key.lineFeed || value === key.carriageReturn || (keys && value === key.endOfInput)) break;
      if (keys && value === key.interrupt) throw new SealError('SEAL-INTERRUPTED', 'no PIN was entered', { hint: 'repeat the command' });
      if (keys && (value === key.erase || value === key.backspace)) length = Math.max(0, length - 1);
      else if (length < maxLength) line[length++] = value;
    }
    return Buffer.from(line.subarray(0, length));
  } finally {
    line.fill(0);
    octet.fill(0);
  }
}

/** False at the end. An input that does not block has nothing yet. */
function readOctet(descriptor: number, octet: Buffer): boolean {
  for (;;) {
    try {
      return readSync(descriptor, octet, 0, 1, null) === 1;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EAGAIN') throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
    }
  }
}
