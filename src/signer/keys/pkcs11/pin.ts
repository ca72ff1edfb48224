/** The young generation is 1 MiB here (`--max-semi-space-size=1`); this much fills both of its halves for certain. */
const scrubBytes = 8 * 2 ** 20;

/**
 * Gives the PIN to `use` as a string, because pkcs11js accepts nothing else. When it returns, no copy is left: the Buffer is zeroed, and the string,
 * which JavaScript cannot wipe, is overwritten by filling the young generation it lies in (`use` must not keep it and must not wait).
 */
export function withPin<T>(pin: Buffer, use: (pin: string) => T): T {
  try {
    return usePin(pin, use);
  } finally {
    // Only here, when the frame that held the string is gone: what is still referenced would survive the filling.
    scrub();
  }
}

function usePin<T>(pin: Buffer, use: (pin: string) => T): T {
  try {
    return use(pin.toString('utf8'));
  } finally {
    pin.fill(0);
  }
}

function scrub(): number {
  let last: number[] = [];
  const elements = 32;
  for (let filled = 0; filled < scrubBytes; filled += elements * 8) last = new Array<number>(elements).fill(filled);
  return last.length;
}
