import { deserialize, serialize } from 'node:v8';

/*
 * Frames between daemon and card process, in both directions: u32 length (big endian), then a value in the form of node:v8's structured clone.
 * Read only from a peer that has proven the secret of this card process.
 */
const headSize = 4;
/** The largest message is what a token holds: certificates. */
const maxFrame = 16 * 2 ** 20;

export function encodeFrame(message: unknown): Buffer {
  const body = serialize(message);
  const head = Buffer.alloc(headSize);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Cuts a stream into messages. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  /** @throws Error for a frame that is too large or not readable */
  *push(chunk: Buffer): Generator {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= headSize) {
      const end = headSize + this.#held.readUInt32BE();
      if (end > maxFrame) throw new Error('a frame is too large');
      if (this.#held.length < end) return;
      const body = this.#held.subarray(headSize, end);
      this.#held = this.#held.subarray(end);
      yield deserialize(body) as unknown;
    }
  }
}
