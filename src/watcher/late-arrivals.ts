import { displayName, joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';

/** Paths that are remembered, and for how long, ms. */
const limit = 1_000;
const remembered = 3_600_000;

/** Paths of batches that were claimed: what arrives there afterwards is no part of them, and somebody should know. */
export class LateArrivals {
  readonly #incoming: string;
  readonly #since = new Map<string, number>();

  constructor(incoming: string) {
    this.#incoming = incoming;
  }

  /** @param relPath latin1 of its bytes @param now monotonic ms */
  remember(relPath: string, now: number): void {
    this.#since.delete(relPath);
    this.#since.set(relPath, now);
    const [oldest] = this.#since.keys();
    if (this.#since.size > limit && oldest !== undefined) this.#since.delete(oldest);
  }

  /** Paths (for display) at which something has arrived; each is told once. What is approved anew is a batch of its own. */
  async find({ files }: Pick<Effects, 'files'>, now: number, approved: (relPath: string) => boolean): Promise<string[]> {
    const found: string[] = [];
    for (const [key, since] of this.#since) {
      const relPath = Buffer.from(key, 'latin1');
      const over = approved(key) || now - since > remembered;
      if (!over && (await files.stat(joinPath(this.#incoming, relPath))) === undefined) continue;
      this.#since.delete(key);
      if (!over) found.push(displayName(relPath));
    }
    return found;
  }
}
