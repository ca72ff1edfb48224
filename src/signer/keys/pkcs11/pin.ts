import { readSync } from 'node:fs';
import { pinDescriptor } from './messages.ts';
import { longestPin } from './pin-length.ts';

/** The young generation is 1 MiB here (`--max-semi-space-size=1`); this much fills both of its halves for certain. */
const scrubBytes = 8 * 2 ** 20;

/**
 * Takes the PIN out of the pipe and gives it to `use` as a string, because pkcs11js accepts nothing else. When it returns, no copy is left: the
 * Buffer is zeroed, and the string, which JavaScript cannot wipe, is overwritten by filling the young generation it lies in
 * (`use` must not keep it and must not wait).
 */
export function withPin<T>(use: (pin: string) => T): T {
  try {
    return usePin(use);
  } finally {
    // Only here, when the frame that held the string is gone: what is still referenced would survive the filling.
    scrub();
  }
}

function usePin<T>(use: (pin: string) => T): T {
  const frame = Buffer.alloc(longestPin + 1);
  try {
    readExactly(frame, 0, 1);
    const length = frame[0] ?? 0;
    readExactly(frame, 1, length);
    return use(frame.toString('utf8', 1, length + 1));
  } finally {
    frame.fill(0);
  }
}

function readExactly(into: Buffer, offset: number, length: number): void {
  for (let done = 0; done < length;) {
    const count = readSync(pinDescriptor, into, offset + done, length - done, null);
    if (count === 0) throw new Error('the PIN pipe was closed');
    done += count;
  }
}

function scrub(): number {
  let last: number[] = [];
  const elements = 32;
  for (let filled = 0; filled < scrubBytes; filled += elements * 8) last = new Array<number>(elements).fill(filled);
  return last.length;
}
