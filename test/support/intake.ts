import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { nodeFiles } from '../../src/effects/files.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { watchThreads } from '../../src/effects/watching.ts';
import type { Batch, BatchDocument } from '../../src/model/batch.ts';
import type { Config, RootConfig } from '../../src/model/config.ts';
import type { Profile } from '../../src/model/signature.ts';
import type { Effects } from '../../src/ports/effects.ts';
import type { Candidate } from '../../src/watcher/candidate.ts';
import { claim } from '../../src/watcher/intake.ts';
import { ManualClock } from './clock.ts';
import { temporaryDirectory } from './files.ts';
import { CollectingLog } from './log.ts';
import { temporaryStore } from './store.ts';

/** Shared by the tests of a file: starting threads is most of their time. They do not keep the process alive. */
const threads = { files: nodeFiles(), watching: watchThreads() };

/** A root as the configuration resolves it, with the defaults. */
export function rootConfig(path: string, changes: Partial<RootConfig> = {}): RootConfig {
  return {
    name: 'letters',
    path,
    incoming: join(path, 'incoming'),
    outgoing: join(path, 'outgoing'),
    failed: join(path, 'failed'),
    done: join(path, 'done'),
    approval: { mode: 'semaphore', name: 'APPROVED', quiet: 30_000 },
    ready: 'READY',
    profile: 'seal',
    allowProfiles: [],
    keys: ['key'],
    priority: 0,
    settle: 5_000,
    watch: 'auto',
    sweep: 10_000,
    onError: 'failBatch',
    onExisting: 'wait',
    ignore: ['Thumbs.db', '*.part'],
    minFree: 0,
    htmlReport: false,
    ...changes,
  };
}

export function profile(changes: Partial<Profile> = {}): Profile {
  return {
    ...{
      name: 'seal',
      format: 'cades',
      level: 'B-B',
      packaging: 'detached',
      digest: 'sha256',
      padding: 'pss',
      tsas: [],
      onTsaFailure: 'wait',
    },
    ...changes,
  };
}

export type IntakeConfig = Pick<Config, 'dataDir' | 'profiles' | 'pools' | 'archive'>;

/** A data directory and a root with its trees, real files, a real store, a clock that stands still. */
export class IntakeHouse {
  readonly root: RootConfig;
  readonly config: IntakeConfig;
  readonly clock: ManualClock;
  readonly log = new CollectingLog();
  readonly fx: Pick<Effects, 'clock' | 'files' | 'log' | 'random' | 'store' | 'watching'>;

  private constructor(
    directory: string,
    effects: Pick<Effects, 'files' | 'store' | 'watching'>,
    clock: ManualClock,
    changes: Partial<RootConfig>,
  ) {
    this.clock = clock;
    this.root = rootConfig(join(directory, 'root'), changes);
    this.config = {
      dataDir: join(directory, 'data'),
      profiles: { seal: profile(), auto: profile({ name: 'auto', format: 'auto' }) },
      pools: {},
      archive: {
        ...{ timezone: 'UTC', closeAt: '00:15', closing: { kind: 'daily' }, tsas: [], timestamps: 1, digest: 'sha256', keep: 'none' },
        renew: 'warn',
        renewBefore: 180 * 86_400_000,
        revocationGrace: 0,
      },
    };
    this.fx = { ...effects, clock, log: this.log, random: systemRandom };
    for (const tree of [this.root.incoming, this.root.outgoing, this.root.failed, this.root.done, this.config.dataDir])
      mkdirSync(tree, { recursive: true });
  }

  static async open(t: TestContext, changes: Partial<RootConfig> = {}): Promise<IntakeHouse> {
    const clock = new ManualClock();
    const store = await temporaryStore(t, clock);
    return new IntakeHouse(temporaryDirectory(t), { ...threads, store }, clock, changes);
  }

  /** The same place with some effects or settings exchanged. */
  with(changes: { readonly fx?: Partial<IntakeHouse['fx']>; readonly root?: Partial<RootConfig> }): IntakeHouse {
    const copy = Object.create(IntakeHouse.prototype) as IntakeHouse;
    return Object.assign(copy, this, { fx: { ...this.fx, ...changes.fx }, root: { ...this.root, ...changes.root } });
  }

  /** Files below incoming/PATH; names are taken as latin1 bytes, so that any byte can be written. */
  place(path: string, files: Readonly<Record<string, string | Buffer>>, semaphore: string | false = ''): string {
    const directory = join(this.root.incoming, path);
    mkdirSync(directory, { recursive: true });
    for (const [name, content] of Object.entries({ ...files, ...(semaphore === false ? {} : { APPROVED: semaphore }) })) {
      const target = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
      mkdirSync(Buffer.from(dirname(target.toString('latin1')), 'latin1'), { recursive: true });
      writeFileSync(target, content);
    }
    return directory;
  }

  async candidate(path: string, changes: Partial<Candidate> = {}): Promise<Candidate> {
    const snapshot = await this.fx.watching.snapshot(join(this.root.incoming, path));
    return {
      ...{ root: this.root.name, rootPriority: 0, priority: 0, approvedAt: this.clock.now(), options: {} },
      relPath: Buffer.from(path),
      semaphore: Buffer.from(this.root.approval.mode === 'quiet' ? '' : 'APPROVED'),
      fingerprint: snapshot?.fingerprint ?? '',
      ...changes,
    };
  }

  /** Claims a placed batch. */
  async claimed(path: string, changes: Partial<Candidate> = {}): Promise<Batch> {
    const result = await claim(this.fx, this.config, this.root, await this.candidate(path, changes));
    if (result.kind !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(result)}`);
    return await this.batch(result.batch);
  }

  async batch(id: string): Promise<Batch> {
    const batch = await this.fx.store.batch(id);
    if (batch === undefined) throw new Error(`no batch ${id}`);
    return batch;
  }

  async documents(id: string): Promise<BatchDocument[]> {
    return await this.fx.store.documents(id);
  }

  /** Everything below a directory, as latin1 paths; directories end in `/`. */
  tree(directory: string, below = ''): string[] {
    return readdirSync(Buffer.from(join(directory, below), 'latin1'), { withFileTypes: true, encoding: 'buffer' })
      .flatMap((entry) => {
        const path = join(below, entry.name.toString('latin1'));
        return entry.isDirectory() ? [`${path}/`, ...this.tree(directory, path)] : [path];
      })
      .sort();
  }
}
