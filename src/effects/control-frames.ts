import { SealError } from '../errors.ts';

/*
 * Frames of the control socket, in both directions: u32 length of the JSON, u32 length of the secret, then both (big endian).
 */
const headSize = 8;
const maxJson = 64 * 2 ** 20;
const maxSecret = 4096;

export interface Frame {
  readonly json: unknown;
  /** A copy of its own; whoever takes it zeroes it. */
  readonly secret: Buffer | undefined;
}

export function encodeFrame(json: unknown, secret?: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(json), 'utf8');
  const head = Buffer.alloc(headSize);
  head.writeUInt32BE(text.length, 0);
  head.writeUInt32BE(secret?.length ?? 0, 4);
  return Buffer.concat(secret === undefined ? [head, text] : [head, text, secret]);
}

/**
 * Cuts a stream into frames. Hostile input as far as the socket's permissions allow: sizes are limited before anything is kept. What held a
 * secret is zeroed.
 */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that are needed to go on. */
  #wanted = headSize;

  /** @throws SealError SEAL-INPUT-INVALID; SyntaxError */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#wanted) {
      const held = this.#joined();
      const [json, secret] = [held.readUInt32BE(0), held.readUInt32BE(4)];
      if (json > maxJson || secret > maxSecret) throw new SealError('SEAL-INPUT-INVALID', 'a frame on the control socket is too large');
      const text = headSize + json;
      const end = text + secret;
      if (held.length < end) {
        this.#wanted = end;
        return;
      }
      const frame = {
        json: JSON.parse(held.toString('utf8', headSize, text)) as unknown,
        secret: secret === 0 ? undefined : Buffer.from(held.subarray(text, end)),
      };
      held.fill(0, text, end);
      this.#chunks = [held.subarray(end)];
      this.#size = held.length - end;
      this.#wanted = headSize;
      yield frame;
    }
  }

  /** In one piece; a long frame is put together twice at most, when its head and when its end is there. */
  #joined(): Buffer {
    const [only, another] = this.#chunks;
    if (only !== undefined && another === undefined) return only;
    const all = Buffer.concat(this.#chunks);
    for (const chunk of this.#chunks) chunk.fill(0);
    this.#chunks = [all];
    return all;
  }
}
