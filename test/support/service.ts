import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../src/app/context.ts';
import { openService, type Service } from '../../src/app/service.ts';
import { systemClock } from '../../src/effects/clock.ts';
import { documentWorkers } from '../../src/effects/documents.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { watchThreads } from '../../src/effects/watching.ts';
import { SealError } from '../../src/errors.ts';
import type { Batch, BatchState } from '../../src/model/batch.ts';
import type { Config, RootConfig } from '../../src/model/config.ts';
import type { Profile } from '../../src/model/signature.ts';
import type { Effects } from '../../src/ports/effects.ts';
import type { KeySource } from '../../src/ports/keys.ts';
import type { Store } from '../../src/ports/store.ts';
import { methods, type Methods } from '../../src/store/methods.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { claim } from '../../src/watcher/intake.ts';
import { FakeSource } from '../signer/fake-source.ts';
import { freshCrls, testTsa } from './archive.ts';
import { testAuthority, type TestAuthority } from './authority.ts';
import { ManualClock, testStart } from './clock.ts';
import { gated, Killed, temporaryDirectory } from './files.ts';
import { rootConfig } from './intake.ts';
import { CollectingLog } from './log.ts';

const fixtures = new URL('../../fixtures/documents/', import.meta.url).pathname;

/** Shared by the tests of a file: starting threads is most of their time. They do not keep the process alive. */
const threads = {
  files: nodeFiles(),
  watching: watchThreads(),
  trees: treeWorker(),
  documents: documentWorkers({ clock: systemClock, log: new CollectingLog() }),
};

export interface HouseOptions {
  readonly roots?: Readonly<Record<string, Partial<RootConfig>>>;
  readonly config?: Partial<Config>;
  readonly archive?: Partial<Config['archive']>;
  /** Instead of one key that is always ready. */
  readonly keys?: (house: ServiceHouse) => readonly KeySource[];
}

/**
 * A whole house in one process: everything real but clock, network and card. A `Service` is what lives in one process; another one on the same
 * house is what comes after a restart.
 */
export class ServiceHouse {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly log = new CollectingLog();
  readonly authority: TestAuthority;
  readonly tsa: ReturnType<typeof testTsa>;
  readonly key: FakeSource;
  readonly config: Config;
  readonly fx: Effects;
  /** Revocation data cannot be had. */
  offline = false;
  readonly #t: TestContext;

  private constructor(t: TestContext, directory: string, store: Store, clock: ManualClock, options: HouseOptions) {
    this.#t = t;
    this.directory = directory;
    this.clock = clock;
    this.authority = testAuthority({ clock });
    this.tsa = testTsa(this.authority, clock);
    this.key = new FakeSource('key', clock, { identity: this.authority.issue(), concurrency: 4, chunk: 16 });
    this.config = configOf(directory, options);
    mkdirSync(join(directory, 'data'), { recursive: true });
    writeFileSync(join(directory, 'trust.pem'), this.authority.root.pem);
    for (const root of Object.values(this.config.roots))
      for (const tree of [root.incoming, root.outgoing, root.failed, root.done]) mkdirSync(tree, { recursive: true });
    const crls = freshCrls(this.authority, clock);
    this.fx = {
      ...threads,
      clock,
      log: this.log,
      random: systemRandom,
      store,
      mail: { send: () => Promise.reject(new SealError('SEAL-NOTIFY', 'no mail in this test')), verify: () => Promise.resolve() },
      http: { request: () => Promise.reject(new SealError('SEAL-HTTP', 'no network in this test')) },
      keys: options.keys?.(this) ?? [this.key],
      tsas: new Map([[this.tsa.name, this.tsa]]),
      revocation: {
        find: async (...args) => (this.offline ? { crls: [], ocsps: [], failures: ['http://crl: no answer'] } : await crls.find(...args)),
      },
    };
  }

  static async open(t: TestContext, options: HouseOptions = {}): Promise<ServiceHouse> {
    const directory = temporaryDirectory(t);
    const clock = new ManualClock(Math.floor(testStart / 1000) * 1000);
    const store = await openStore({ clock }, { file: join(directory, 'sealtree.db') });
    t.after(async () => {
      await store.close();
    });
    return new ServiceHouse(t, directory, store, clock, options);
  }

  get root(): RootConfig {
    return this.rootNamed('letters');
  }

  rootNamed(name: string): RootConfig {
    const root = this.config.roots[name];
    if (root === undefined) throw new Error(`no root ${name}`);
    return root;
  }

  /** The machinery of one process. @param fx what this process has instead, for one that is to die */
  async service(fx: Partial<Effects> = {}, config: Config = this.config): Promise<Service> {
    const app: App = {
      fx: { ...this.fx, ...fx },
      config,
      readSecret: (reference) => ('file' in reference ? readFileSync(reference.file) : Buffer.from('secret')),
      manageKey: () => {
        throw new Error('no key is managed in this test');
      },
      version: '0.0.0-test',
    };
    const service = await openService(app, 'act', { httpServer: httpServer() });
    service.resident = true;
    this.#t.after(async () => {
      await service.close();
    });
    return service;
  }

  /** Files below incoming/PATH, approved: content, or `fixture` names one of fixtures/documents. Names are latin1 bytes. */
  place(path: string, files: Readonly<Record<string, string | Buffer>>, semaphore = '', root = this.root): string {
    const directory = join(root.incoming, path);
    mkdirSync(directory, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const target = Buffer.from(`${Buffer.from(directory).toString('latin1')}/${name}`, 'latin1');
      mkdirSync(Buffer.from(dirname(target.toString('latin1')), 'latin1'), { recursive: true });
      writeFileSync(target, content);
    }
    writeFileSync(join(directory, root.approval.name), semaphore);
    return directory;
  }

  /** Claims an approved directory as the intake does, and hands it to the service. */
  async take(service: Service, path: string, root = this.root): Promise<Batch> {
    const { fx } = service.app;
    const snapshot = await fx.watching.snapshot(join(root.incoming, path));
    const result = await claim(fx, this.config, root, {
      ...{ root: root.name, rootPriority: 0, priority: 0, approvedAt: this.clock.now(), options: {} },
      relPath: Buffer.from(path),
      semaphore: Buffer.from(root.approval.name),
      fingerprint: snapshot?.fingerprint ?? '',
    });
    if (result.kind !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(result)}`);
    service.runner.take({ id: result.batch, root: root.name });
    return await this.batch(result.batch);
  }

  async batch(id: string): Promise<Batch> {
    const batch = await this.fx.store.batch(id);
    if (batch === undefined) throw new Error(`no batch ${id}`);
    return batch;
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; !(await holds()); tries++) {
      if (tries > 60_000) throw new Error(`never: ${what}`);
      await sleep(2);
    }
  }

  /** Until a batch has ended, or is in a state. The clock stands still. */
  async reaches(id: string, ...states: readonly BatchState[]): Promise<Batch> {
    const wanted: readonly BatchState[] = states.length > 0 ? states : ['delivered', 'failed', 'cancelled', 'abandoned'];
    await this.until(`${id} ${wanted.join(' or ')}`, async () => wanted.includes((await this.batch(id)).state));
    return await this.batch(id);
  }

  /** Until it stands for a reason with this code. */
  async waits(id: string, code: string): Promise<Batch> {
    await this.until(`${id} waits for ${code}`, async () => (await this.batch(id)).waiting?.code === code);
    return await this.batch(id);
  }

  /** Below a directory, as latin1 paths; directories are left out. */
  files(directory: string): string[] {
    if (!existsSync(directory)) return [];
    return readdirSync(Buffer.from(directory, 'latin1'), { withFileTypes: true, encoding: 'buffer' })
      .flatMap((entry) => {
        const name = entry.name.toString('latin1');
        return entry.isDirectory() ? this.files(`${directory}/${name}`).map((file) => `${name}/${file}`) : [name];
      })
      .sort();
  }

  /** What READY of a delivered batch says. */
  ready(path: string, root = this.root): Ready {
    return JSON.parse(readFileSync(join(root.outgoing, path, root.ready), 'utf8')) as Ready;
  }
}

export interface Ready {
  readonly batch: string;
  readonly partOf?: string;
  readonly counts: { readonly documents: number; readonly delivered: number; readonly failed: number };
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
}

/** A document of fixtures/documents. */
export function fixture(name: string): Buffer {
  return readFileSync(join(fixtures, name));
}

/** The effects of a process that dies at its n-th write to the database: before it, or after it but before anybody hears of it. */
export interface Mortal {
  readonly fx: Pick<Effects, 'files' | 'store'>;
  readonly dead: () => boolean;
  /** Which write it was. */
  readonly cause: () => string;
  /** What was under way when it died has ended. */
  idle(): Promise<void>;
}

/** @param nth from 1 */
export function mortal({ files, store }: Pick<Effects, 'files' | 'store'>, nth: number, when: 'before' | 'after'): Mortal {
  let cause: string | undefined;
  let writes = 0;
  const running = new Set<Promise<unknown>>();
  const ensureAlive = (): void => {
    if (cause !== undefined) throw new Killed(`killed ${when} ${cause}`);
  };
  const call = async (name: keyof Methods, work: () => Promise<unknown>): Promise<unknown> => {
    const write = methods[name] === 'write' ? ++writes : 0;
    if (write === nth && when === 'before') cause ??= name;
    ensureAlive();
    const promise = work();
    running.add(promise);
    const value = await promise.finally(() => running.delete(promise));
    if (write === nth) cause ??= name;
    ensureAlive();
    return value;
  };
  const gatedFiles = gated(files, ensureAlive);
  return {
    fx: {
      files: gatedFiles,
      store: new Proxy(store, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function' || name === 'close') return member;
          return (...args: unknown[]): unknown =>
            call(name as keyof Methods, () => Reflect.apply(member, target, args) as Promise<unknown>);
        },
      }),
    },
    dead: () => cause !== undefined,
    cause: () => `${when} ${cause ?? ''}`,
    idle: async () => {
      await gatedFiles.idle();
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

function configOf(directory: string, { roots = { letters: {} }, config = {}, archive = {} }: HouseOptions): Config {
  const plain: Profile = { name: 'seal', format: 'auto', level: 'B-B', digest: 'sha256', padding: 'pss', tsas: [], onTsaFailure: 'wait' };
  const profiles: Profile[] = [
    plain,
    { ...plain, name: 'stamped', level: 'B-T', tsas: ['tsa'] },
    { ...plain, name: 'pades', format: 'pades' },
  ];
  return {
    path: join(directory, 'roots.yaml'),
    dataDir: join(directory, 'data'),
    log: { level: 'info', modules: {} },
    trust: {
      ...{ anchors: [join(directory, 'trust.pem')], certificates: [], crls: [], revocation: 'require', fetch: true, allowHosts: [] },
      maxAge: 12 * 3_600_000,
    },
    keys: {
      key: {
        ...{ name: 'key', source: 'pkcs12', file: join(directory, 'key.p12'), passphrase: { file: join(directory, 'key.pass') } },
        ...{ roots: [], minRemaining: 86_400_000, keyUsage: 'contentCommitment', chain: [] },
      },
    },
    pools: {},
    tsas: { tsa: { name: 'tsa', url: 'http://127.0.0.1:1/tsa', digest: 'sha256', timeout: 1_000 } },
    profiles: Object.fromEntries(profiles.map((one) => [one.name, one])),
    roots: Object.fromEntries(
      Object.entries(roots).map(([name, changes]) => [name, rootConfig(join(directory, 'roots', name), { name, ...changes })]),
    ),
    archive: {
      ...{ timezone: 'UTC', closeAt: '00:15', closing: { kind: 'daily' }, tsas: ['tsa'], timestamps: 1, digest: 'sha256', keep: 'none' },
      renew: 'warn',
      renewBefore: 180 * 86_400_000,
      revocationGrace: 86_400_000,
      ...archive,
    },
    ...config,
  };
}
