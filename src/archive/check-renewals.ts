import { ChainReader, type ChainLink } from './chains.ts';
import { damage, type CheckFinding } from './check-findings.ts';
import type { CheckPosition } from './check-position.ts';
import { chainsOfLeaf, objectsByLeaf } from './leaf-chains.ts';
import { nodesOfTree, Paths } from './paths.ts';
import { knowsRenewalLayout } from './renewal-leaf.ts';
import { currentLayout } from './tree.ts';
import { asSealError, type ErrorCode } from '../errors.ts';
import type { Tree, TreeToken } from '../model/archive.ts';
import type { ChainStart, Renewal } from '../model/renewal.ts';
import type { Effects } from '../ports/effects.ts';

/** Leaves taken together. */
const pageLeaves = 256;

/** What a damaged row makes of a chain. */
const damages: ReadonlySet<ErrorCode> = new Set(['SEAL-ARCHIVE-DAMAGED', 'SEAL-STORE-CORRUPT', 'SEAL-INTERNAL', 'SEAL-INPUT-INVALID']);

/**
 * What renewals hold (RFC 4998 §5; evidence-records 13a): each chain of timestamps and each object that they renew, as these are kept now, leads
 * to the stamped root; none is missing. Fed with the trees in their order, then with the renewals, then asked for what it found.
 */
export class RenewedCheck {
  readonly #fx: Pick<Effects, 'store'>;
  readonly #reader: ChainReader;
  readonly #anchored: readonly Renewal[];
  readonly #onHeld: (leaves: number, where: string) => void;
  readonly #signal: AbortSignal | undefined;
  /** Renewal → leaves of it that were seen to hold what they should. */
  readonly #held = new Map<string, number>();
  #damaged = false;

  /**
   * @param renewals as they were before the trees were listed: what is renewed meanwhile is not looked at
   * @param onHeld called with leaves of renewals that were computed again
   */
  constructor(
    fx: Pick<Effects, 'store'>,
    renewals: readonly Renewal[],
    onHeld: (leaves: number, where: string) => void,
    signal?: AbortSignal,
  ) {
    this.#fx = fx;
    this.#reader = new ChainReader(fx);
    this.#anchored = renewals.filter(({ state, layout }) => state === 'anchored' && knowsRenewalLayout(layout));
    this.#onHeld = onHeld;
    this.#signal = signal;
  }

  /** What was seen so far, to go on with later. */
  seen(): Pick<CheckPosition, 'held' | 'damaged'> {
    return { held: [...this.#held], damaged: this.#damaged };
  }

  restore({ held, damaged }: Pick<CheckPosition, 'held' | 'damaged'>): void {
    for (const [renewal, leaves] of held) this.#held.set(renewal, leaves);
    this.#damaged = damaged;
  }

  /** Of a tree the first damage of each of its records. @throws the signal's reason; SealError SEAL-STORE-* when the database cannot be read */
  async tree(tree: Tree, tokens: readonly TreeToken[]): Promise<CheckFinding[]> {
    if (this.#anchored.length === 0 || tree.layout !== currentLayout) return [];
    const found: CheckFinding[] = [];
    for (const token of tokens)
      found.push(
        ...(await this.#firstDamage(tree.id, async () => {
          const links = await this.#chain({ tree: tree.id }, token.n, token.token, tree.id);
          await this.#objects(tree, token, links);
        })),
      );
    return found;
  }

  /** The chain that begins with a hash-tree renewal. */
  async renewal({ id, n, kind, layout }: Renewal): Promise<CheckFinding[]> {
    const first = kind === 'hash-tree' && knowsRenewalLayout(layout) ? await this.#fx.store.renewalToken(id) : undefined;
    if (first === undefined) return [];
    return await this.#firstDamage(id, async () => {
      await this.#chain({ renewal: id }, n, first.token, id);
    });
  }

  /** Leaves that nothing leads to any more, where no damage was found that may be why. */
  async lost(): Promise<CheckFinding[]> {
    if (this.#damaged) return [];
    const counted = await this.#fx.store.renewedCounts();
    return this.#anchored.flatMap(({ id, kind, leaves }) => {
      const held = this.#held.get(id) ?? 0;
      if (held !== leaves) return [damage(id, `of its ${leaves} leaves ${held} stand for something that is in the archive`)];
      const sum = counted.reduce((all, count) => all + (count.renewal === id ? count.leaves : 0), 0);
      return kind === 'timestamps' || sum === leaves ? [] : [damage(id, `holds ${leaves} leaves, ${sum} were counted`)];
    });
  }

  async #chain(start: ChainStart, n: number, first: Buffer, where: string): Promise<readonly ChainLink[]> {
    const links = await this.#reader.links(start, n, first);
    for (const { renewal } of links) this.#hold(renewal);
    if (links.length > 0) this.#onHeld(links.length, where);
    return links;
  }

  /** Objects of a tree that hash-tree renewals hold: h' computed once more over the earlier chains as they are kept now. */
  async #objects(tree: Tree, first: TreeToken, links: readonly ChainLink[]): Promise<void> {
    const { store } = this.#fx;
    const { n } = first;
    if (!this.#anchored.some((renewal) => renewal.kind === 'hash-tree' && renewal.n === n)) return;
    const stamped = { digest: tree.digest, n, first, links };
    const paths = new Paths(nodesOfTree(store, tree.id), tree.leaves, tree.digest);
    for (let from = 0; from < tree.leaves; from += pageLeaves) {
      const byLeaf = objectsByLeaf(await store.renewedObjects(tree.id, n, from, pageLeaves));
      if (byLeaf.size === 0) continue;
      const leaves = new Map((await store.leavesPage(tree.id, from - 1, pageLeaves)).map((leaf) => [leaf.index, leaf]));
      let held = 0;
      for (const [index, objects] of byLeaf) {
        const leaf = leaves.get(index);
        // Said where the rows are read.
        if (leaf === undefined) continue;
        await chainsOfLeaf(this.#reader, stamped, leaf, await paths.of(index), objects);
        for (const { renewal } of objects) this.#hold(renewal);
        held += objects.length;
      }
      this.#onHeld(held, tree.id);
    }
  }

  #hold(renewal: string): void {
    this.#held.set(renewal, (this.#held.get(renewal) ?? 0) + 1);
  }

  async #firstDamage(name: string, check: () => Promise<void>): Promise<CheckFinding[]> {
    try {
      await check();
      return [];
    } catch (thrown) {
      this.#signal?.throwIfAborted();
      const { code, message, where } = asSealError(thrown);
      if (!damages.has(code)) throw thrown;
      this.#damaged = true;
      return [damage(where ?? name, message)];
    }
  }
}
