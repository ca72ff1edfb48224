import Database from 'better-sqlite3';
import { leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import type { ProducedRecord } from '../../src/archive/produced-record.ts';
import { leafPieces, nodesOfTree } from '../../src/archive/paths.ts';
import { rehashTrees } from '../../src/archive/rehash.ts';
import { planTimestampRenewal, sealTimestampRenewals } from '../../src/archive/renew.ts';
import { TreeBuilder } from '../../src/archive/tree.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { openTrust, type Trust } from '../../src/pki/trust.ts';
import { migrate } from '../../src/store/migrations.ts';
import { ManualClock } from './clock.ts';
import { CollectingLog } from './log.ts';
import { storeOn } from './store.ts';
import type { ClosingEffects } from '../../src/archive/close.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { ArchiveToken } from '../../src/model/archive.ts';
import type { Store } from '../../src/ports/store.ts';

const day = 86_400_000;

/** Gives a frozen timestamp. @param time UTC ms, whole seconds */
export type Stamp = (digest: DigestAlgorithm, root: Buffer, time: number) => Promise<Buffer>;

/** The life of a small archive, a day for each step: trees, timestamp renewals, hash-tree renewals. In memory; its timestamps come from `stamp`. */
export class History {
  readonly #clock: ManualClock;
  readonly #store: Store;
  readonly #fx: ClosingEffects;
  readonly #stamp: Stamp;
  readonly #trust: Trust;
  /** Everything that was archived. */
  readonly #objects: Buffer[] = [];

  /** @param start UTC ms, whole seconds @param anchor DER */
  constructor(stamp: Stamp, start: number, anchor: Buffer) {
    const db = new Database(':memory:');
    migrate(db);
    this.#clock = new ManualClock(start);
    this.#store = storeOn(db, this.#clock);
    this.#stamp = stamp;
    this.#trust = openTrust({
      anchors: [anchor],
      certificates: [],
      revocation: { crls: [], ocsps: [], failures: [] },
      revocationMode: 'require',
    });
    this.#fx = {
      clock: this.#clock,
      store: this.#store,
      log: new CollectingLog(),
      tsas: new Map(),
      revocation: { find: () => Promise.resolve({ crls: [], ocsps: [], failures: [] }) },
      trees: {
        root: unused,
        path: unused,
        file: unused,
        close: () => Promise.resolve(),
        build: async (pieces, digest) => {
          const builder = new TreeBuilder(digest);
          for await (const piece of pieces) builder.add(piece);
          return builder.finish();
        },
      },
    };
  }

  get fx(): ClosingEffects {
    return this.#fx;
  }

  get trust(): Trust {
    return this.#trust;
  }

  now(): number {
    return this.#clock.now();
  }

  /** A tree of documents and groups, anchored. */
  async tree(groups: readonly (readonly Buffer[])[], digest: DigestAlgorithm = 'sha256'): Promise<void> {
    const at = await this.#nextDay();
    const opened = { date: new Date(at).toISOString().slice(0, 10), at, digest, layout: 1 };
    const leaves = groups.map((members) => ({
      kind: members.length > 1 ? ('group' as const) : ('document' as const),
      members: members.map((bytes) => digestOf(digest, bytes)),
    }));
    await this.#store.appendLeaves({ tree: opened, leaves, blobs: [] });
    this.#objects.push(...groups.flat());
    const { id } = await this.#store.openTree(opened);
    const sealed = await this.#store.seal(id, at);
    const pieces = leafPieces(nodesOfTree(this.#store, id), sealed?.leaves ?? 0);
    const { root, nodes } = await this.#fx.trees.build(pieces, digest, 1);
    await this.#store.setRoot(id, root, nodes);
    await this.#store.addToken({ tree: id, n: 1, ...(await this.#token(digest, root)) }, at);
  }

  /** RFC 4998 §5.2 over everything so far. */
  async renewTimestamps(): Promise<void> {
    await this.#nextDay();
    const plan = await planTimestampRenewal(this.#fx);
    await sealTimestampRenewals(this.#fx, settings, plan, 'test');
    await this.#anchor();
  }

  /** RFC 4998 §5.3 of everything whose objects are `found`; all by default. */
  async rehash(digest: DigestAlgorithm, found: (object: Buffer) => boolean = () => true): Promise<void> {
    await this.#nextDay();
    const objects = this.#objects
      .filter(found)
      .flatMap((bytes) =>
        (['sha256', 'sha384', 'sha512'] as const).map((known) => ({ hash: digestOf(known, bytes), rehashed: digestOf(digest, bytes) })),
      );
    await this.#store.addRehashed(digest, objects);
    await rehashTrees(this.#fx, settings, { digest, n: 1, actor: 'test' });
    await this.#anchor();
  }

  /** The record of an object. @param digest of its tree */
  async record(object: Buffer, digest: DigestAlgorithm = 'sha256'): Promise<ProducedRecord> {
    const [leaf] = await leavesOfHash(this.#fx, digestOf(digest, object));
    const [record] = leaf === undefined ? [] : await recordsOfLeaf(this.#fx, this.#trust, leaf);
    if (record === undefined) throw new Error('no record');
    return record;
  }

  async #nextDay(): Promise<number> {
    await this.#clock.advance(day);
    return this.#clock.now();
  }

  async #anchor(): Promise<void> {
    for (const { id, digest, root = Buffer.alloc(0) } of await this.#store.renewals({ states: ['sealed'] }))
      await this.#store.addRenewalToken({ renewal: id, ...(await this.#token(digest, root)) }, this.now());
  }

  async #token(digest: DigestAlgorithm, root: Buffer): Promise<ArchiveToken> {
    const token = await this.#stamp(digest, root, this.now());
    const { genTime, accuracy } = parseTimestampToken(token);
    return { tsa: 'tsa', token, genTime, accuracy, frozen: true };
  }
}

const settings = {
  archive: {
    timezone: 'UTC',
    closeAt: '00:15',
    closing: { kind: 'daily' },
    digest: 'sha256',
    timestamps: 1,
    revocationGrace: day,
  },
} as const;

function unused(): Promise<never> {
  return Promise.reject(new Error('not needed'));
}
