/**
 * Finds whether a hash is among the leaves of the open tree, without an index on disk: 7 to 14 bytes of memory a leaf, whatever the digest.
 * Holds 8 bits of each hash and where its leaf is; the caller compares the leaf's whole hash.
 */
export class LeafSet {
  /** Leaves that fit in. */
  readonly capacity: number;
  readonly #mask: number;
  readonly #marks: Uint8Array;
  /** Position of the leaf and one; 0: the slot is free. */
  readonly #positions: Uint32Array;
  #size = 0;

  /** @param leaves that will fit in at least */
  constructor(leaves: number) {
    const slots = 2 ** Math.max(12, Math.ceil(Math.log2(leaves / 0.7)));
    this.capacity = Math.floor(slots * 0.7);
    this.#mask = slots - 1;
    this.#marks = new Uint8Array(slots);
    this.#positions = new Uint32Array(slots);
  }

  /** Leaves that were added. */
  get size(): number {
    return this.#size;
  }

  /**
   * Position of the leaf with this hash.
   * @param hashAt the whole hash of the leaf at a position
   */
  find(hash: Buffer, hashAt: (position: number) => Buffer): number | undefined {
    const mark = hash.readUInt8(4);
    for (let slot = hash.readUInt32LE(0) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const position = this.#positions[slot] ?? 0;
      if (position === 0) return undefined;
      if (this.#marks[slot] === mark && hashAt(position - 1).equals(hash)) return position - 1;
    }
  }

  /** Adds the next leaf: its position is the number of those before it. No more than `capacity`. */
  add(hash: Buffer): void {
    let slot = hash.readUInt32LE(0) & this.#mask;
    while (this.#positions[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#size++;
    this.#marks[slot] = hash.readUInt8(4);
    this.#positions[slot] = this.#size;
  }
}
