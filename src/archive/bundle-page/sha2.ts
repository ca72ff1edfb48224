/*
 * Everything in this directory but script.ts runs in the page of a proof bundle, in the reader's browser: each function is put there as it
 * stands, so it uses nothing but the language and the other functions of these files. WebCrypto is not for pages that are opened as files
 * in every browser, so the page brings its own SHA-2.
 */

/** Takes bytes in pieces of any length; `digest` ends it. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** Two halves of 64-bit words. */
export interface Words {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/** Constants of SHA-2: the first 64 bits of the fractional parts of roots of the first primes (FIPS 180-4 §4.2.2, §4.2.3, §5.3). */
export function sha2Constants(): { readonly cubes: Words; readonly squares: Words } {
  const primes: bigint[] = [];
  for (let n = 2n; primes.length < 80; n++) if (primes.every((prime) => n % prime !== 0n)) primes.push(n);
  const root = (value: bigint, degree: bigint): bigint => {
    let low = 0n;
    let high = 1n << 72n;
    while (high - low > 1n) {
      const middle = (low + high) >> 1n;
      if (middle ** degree <= value) low = middle;
      else high = middle;
    }
    return low;
  };
  const words = (roots: readonly bigint[]): Words => ({
    high: Int32Array.from(roots, (one) => Number(BigInt.asIntN(32, one >> 32n))),
    low: Int32Array.from(roots, (one) => Number(BigInt.asIntN(32, one))),
  });
  return { cubes: words(primes.map((prime) => root(prime << 192n, 3n))), squares: words(primes.map((prime) => root(prime << 128n, 2n))) };
}

/** Computed once; the page has a line of its own for it. */
export const shaWords = sha2Constants();

/** SHA-256 (FIPS 180-4 §6.2.2): one block of 64 bytes into the state of 8 words. */
export function sha256Block(state: Int32Array, block: DataView, cubes: Words): void {
  const w = new Int32Array(64);
  const right = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
  for (let t = 0; t < 64; t++) {
    if (t < 16) w[t] = block.getInt32(4 * t);
    else {
      const a = w[t - 15] ?? 0;
      const b = w[t - 2] ?? 0;
      const small = right(a, 7) ^ right(a, 18) ^ (a >>> 3);
      w[t] = ((w[t - 16] ?? 0) + small + (w[t - 7] ?? 0) + (right(b, 17) ^ right(b, 19) ^ (b >>> 10))) | 0;
    }
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const choice = (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g));
    const first = (h + choice + (cubes.high[t] ?? 0) + (w[t] ?? 0)) | 0;
    const second = ((right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, n) => (state[n] = (state[n] ?? 0) + word));
}

/** SHA-512 (FIPS 180-4 §6.4.2): one block of 128 bytes into the state of 8 words of 64 bits, high and low halves side by side. */
export function sha512Block(state: Int32Array, block: DataView, cubes: Words): void {
  const high = new Int32Array(80);
  const low = new Int32Array(80);
  let carried = 0;
  /** Adds 64-bit words: the low half is the result, the high one stands in `carried`. */
  const sum = (...halves: readonly number[]): number => {
    let lows = 0;
    let highs = 0;
    for (let n = 0; n < halves.length; n += 2) {
      highs += halves[n] ?? 0;
      lows += (halves[n + 1] ?? 0) >>> 0;
    }
    carried = (highs + Math.floor(lows / 0x1_0000_0000)) | 0;
    return lows | 0;
  };
  /** The high half of a word turned right; with the halves exchanged it is the low one. */
  const right = (one: number, other: number, by: number): number =>
    by < 32 ? (one >>> by) | (other << (32 - by)) : (other >>> (by - 32)) | (one << (64 - by));
  for (let t = 0; t < 80; t++) {
    if (t < 16) {
      high[t] = block.getInt32(8 * t);
      low[t] = block.getInt32(8 * t + 4);
      continue;
    }
    const [ah = 0, al = 0, bh = 0, bl = 0] = [high[t - 15], low[t - 15], high[t - 2], low[t - 2]];
    low[t] = sum(
      high[t - 16] ?? 0,
      low[t - 16] ?? 0,
      right(ah, al, 1) ^ right(ah, al, 8) ^ (ah >>> 7),
      right(al, ah, 1) ^ right(al, ah, 8) ^ ((al >>> 7) | (ah << 25)),
      high[t - 7] ?? 0,
      low[t - 7] ?? 0,
      right(bh, bl, 19) ^ right(bh, bl, 61) ^ (bh >>> 6),
      right(bl, bh, 19) ^ right(bl, bh, 61) ^ ((bl >>> 6) | (bh << 26)),
    );
    high[t] = carried;
  }
  let [ah = 0, al = 0, bh = 0, bl = 0, ch = 0, cl = 0, dh = 0, dl = 0, eh = 0, el = 0, fh = 0, fl = 0, gh = 0, gl = 0, hh = 0, hl = 0] =
    state;
  for (let t = 0; t < 80; t++) {
    const firstLow = sum(
      hh,
      hl,
      right(eh, el, 14) ^ right(eh, el, 18) ^ right(eh, el, 41),
      right(el, eh, 14) ^ right(el, eh, 18) ^ right(el, eh, 41),
      (eh & fh) ^ (~eh & gh),
      (el & fl) ^ (~el & gl),
      cubes.high[t] ?? 0,
      cubes.low[t] ?? 0,
      high[t] ?? 0,
      low[t] ?? 0,
    );
    const firstHigh = carried;
    const secondLow = sum(
      right(ah, al, 28) ^ right(ah, al, 34) ^ right(ah, al, 39),
      right(al, ah, 28) ^ right(al, ah, 34) ^ right(al, ah, 39),
      (ah & bh) ^ (ah & ch) ^ (bh & ch),
      (al & bl) ^ (al & cl) ^ (bl & cl),
    );
    const secondHigh = carried;
    [hh, hl, gh, gl, fh, fl] = [gh, gl, fh, fl, eh, el];
    el = sum(dh, dl, firstHigh, firstLow);
    eh = carried;
    [dh, dl, ch, cl, bh, bl] = [ch, cl, bh, bl, ah, al];
    al = sum(firstHigh, firstLow, secondHigh, secondLow);
    ah = carried;
  }
  [ah, al, bh, bl, ch, cl, dh, dl, eh, el, fh, fl, gh, gl, hh, hl].forEach((half, n, all) => {
    if (n % 2 === 0) return;
    state[n] = sum(state[n - 1] ?? 0, state[n] ?? 0, all[n - 1] ?? 0, half);
    state[n - 1] = carried;
  });
}

/** SHA-256, SHA-384 or SHA-512 (FIPS 180-4). */
export function sha2(bits: 256 | 384 | 512): Hasher {
  const { cubes, squares } = shaWords;
  const wide = bits !== 256;
  const size = wide ? 128 : 64;
  const first = bits === 384 ? 8 : 0;
  const state = new Int32Array(wide ? 16 : 8);
  for (let n = 0; n < 8; n++) {
    state[wide ? 2 * n : n] = squares.high[first + n] ?? 0;
    if (wide) state[2 * n + 1] = squares.low[first + n] ?? 0;
  }
  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  let held = 0;
  let length = 0;
  const update = (bytes: Uint8Array): void => {
    length += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.subarray(at, at + size - held);
      block.set(taken, held);
      held += taken.length;
      at += taken.length;
      if (held < size) return;
      held = 0;
      (wide ? sha512Block : sha256Block)(state, view, cubes);
    }
  };
  return {
    update,
    digest: () => {
      const total = length;
      const end = new Uint8Array((held + size / 8 < size ? size : 2 * size) - held);
      end[0] = 0x80;
      new DataView(end.buffer).setBigUint64(end.length - 8, 8n * BigInt(total));
      update(end);
      const out = new DataView(new ArrayBuffer(4 * state.length));
      state.forEach((word, n) => {
        out.setInt32(4 * n, word);
      });
      return new Uint8Array(out.buffer, 0, bits / 8);
    },
  };
}
