import { readSync } from 'node:fs';
import { longestPin } from '../pin-length.ts';

/** File descriptor of the PIN pipe in the management process; 0 to 2 are standard, 3 is the IPC channel. A frame: one octet with its length, the PIN. */
export const pinDescriptor = 4;

/** Takes the PIN that waits in the pipe; whoever takes it zeroes it. */
export function takePin(): Buffer {
  const frame = Buffer.alloc(longestPin + 1);
  try {
    readExactly(frame, 0, 1);
    const length = frame[0] ?? 0;
    readExactly(frame, 1, length);
    return Buffer.from(frame.subarray(1, length + 1));
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
