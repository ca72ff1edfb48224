import { SealError } from '../errors.ts';

/*
 * Frames of the control socket, in both directions: u32 length (big endian), then JSON. A secret never stands in a frame: it waits behind a door
 * (secret-door.ts) that the frame names.
 */
const headSize = 4;
const maxJson = 64 * 2 ** 20;

export function encodeFrame(json: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(json), 'utf8');
  const head = Buffer.alloc(headSize);
  head.writeUInt32BE(text.length, 0);
  return Buffer.concat([head, text]);
}

/** Cuts a stream into frames. Hostile input as far as the socket's permissions allow: sizes are limited before anything is kept. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes that are needed to go on. */
  #wanted = headSize;

  /** @throws SealError SEAL-INPUT-INVALID; SyntaxError */
  *push(chunk: Buffer): Generator {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#wanted) {
      const held = this.#joined();
      const length = held.readUInt32BE(0);
      if (length > maxJson) throw new SealError('SEAL-INPUT-INVALID', 'a frame on the control socket is too large');
      const end = headSize + length;
      if (held.length < end) {
        this.#wanted = end;
        return;
      }
      const json = JSON.parse(held.toString('utf8', headSize, end)) as unknown;
      this.#chunks = [held.subarray(end)];
      this.#size = held.length - end;
      this.#wanted = headSize;
      yield json;
    }
  }

  /** In one piece; a long frame is put together twice at most, when its head and when its end is there. */
  #joined(): Buffer {
    const [only, another] = this.#chunks;
    if (only !== undefined && another === undefined) return only;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
