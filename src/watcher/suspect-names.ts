import { digestOf } from '../formats/digests.ts';
import { directoryName } from '../formats/names.ts';

/** Hashes that are kept together. */
const pieceLength = 1 << 15;

/** 48 bits of a name's hash: a number. Two names that share it are looked at whole. */
function hashOf(name: Buffer): number {
  return digestOf('sha256', name).readUIntBE(0, 6);
}

/** Numbers in the order in which they came, eight bytes each. */
class Numbers {
  readonly #pieces: Float64Array[] = [];
  #length = 0;

  push(value: number): void {
    const at = this.#length++ % pieceLength;
    if (at === 0) this.#pieces.push(new Float64Array(pieceLength));
    const piece = this.#pieces.at(-1);
    if (piece) piece[at] = value;
  }

  sorted(): Float64Array {
    const all = new Float64Array(this.#length);
    this.#pieces.forEach((piece, n) => {
      all.set(piece.subarray(0, this.#length - n * pieceLength), n * pieceLength);
    });
    return all.sort();
  }
}

/**
 * Tells which of a million names may stand twice, as files or as file and directory, in eight bytes a name: only those need be compared. All are
 * noted first; then it is asked.
 */
export class SuspectNames {
  readonly #files = new Numbers();
  readonly #directories = new Numbers();
  #last: Buffer | undefined;
  #found: ReadonlySet<number> | undefined;

  /** Notes the outputs of one document; the same name twice among them is no fault. */
  note(outputs: readonly Buffer[]): void {
    for (const hash of new Set(outputs.map(hashOf))) this.#files.push(hash);
    for (const output of outputs) this.#noteDirectories(directoryName(output));
  }

  /** Neighbours mostly lie in one directory. */
  #noteDirectories(directory: Buffer): void {
    if (this.#last?.equals(directory) === true) return;
    this.#last = directory;
    for (let above = directory; above.length > 0; above = directoryName(above)) this.#directories.push(hashOf(above));
  }

  get any(): boolean {
    return this.#suspects().size > 0;
  }

  has(name: Buffer): boolean {
    return this.#suspects().has(hashOf(name));
  }

  #suspects(): ReadonlySet<number> {
    this.#found ??= suspects(this.#files.sorted(), this.#directories.sorted());
    return this.#found;
  }
}

/** Hashes of files that stand twice, or that a directory has as well. Both sorted. */
function suspects(files: Float64Array, directories: Float64Array): Set<number> {
  const found = new Set<number>();
  let at = 0;
  let before: number | undefined;
  for (const hash of files) {
    if (hash === before) found.add(hash);
    before = hash;
    while ((directories[at] ?? Infinity) < hash) at++;
    if (directories[at] === hash) found.add(hash);
  }
  return found;
}
