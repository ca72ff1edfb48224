/**
 * Finds whether a hash is among the leaves of the open tree, without an index on disk: 16 to 32 bytes of memory a leaf, whatever the
 * digest. Holds 32 bits of each hash and where its leaf is; the caller compares the leaf's whole hash.
 */
export class LeafSet {
  #slots = 1 << 12;
  #marks = new Uint32Array(this.#slots);
  /** Position of the leaf and one; 0: the slot is free. */
  #positions = new Uint32Array(this.#slots);
  #starts = new Uint32Array(this.#slots);
  #size = 0;

  /** Leaves that were added. */
  get size(): number {
    return this.#size;
  }

  /**
   * Position of the leaf with this hash.
   * @param hashAt the whole hash of the leaf at a position
   */
  find(hash: Buffer, hashAt: (position: number) => Buffer): number | undefined {
    const mask = this.#slots - 1;
    const mark = hash.readUInt32LE(4);
    for (let slot = hash.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const position = this.#positions[slot] ?? 0;
      if (position === 0) return undefined;
      if (this.#marks[slot] === mark && hashAt(position - 1).equals(hash)) return position - 1;
    }
  }

  /** Adds the next leaf: its position is the number of those before it. */
  add(hash: Buffer): void {
    if (this.#size >= this.#slots * 0.7) this.#grow();
    this.#size++;
    this.#place(hash.readUInt32LE(0), hash.readUInt32LE(4), this.#size);
  }

  #place(start: number, mark: number, position: number): void {
    const mask = this.#slots - 1;
    let slot = start & mask;
    while (this.#positions[slot] !== 0) slot = (slot + 1) & mask;
    this.#marks[slot] = mark;
    this.#starts[slot] = start;
    this.#positions[slot] = position;
  }

  #grow(): void {
    const [marks, starts, positions] = [this.#marks, this.#starts, this.#positions];
    this.#slots *= 2;
    this.#marks = new Uint32Array(this.#slots);
    this.#starts = new Uint32Array(this.#slots);
    this.#positions = new Uint32Array(this.#slots);
    positions.forEach((position, slot) => {
      if (position !== 0) this.#place(starts[slot] ?? 0, marks[slot] ?? 0, position);
    });
  }
}
