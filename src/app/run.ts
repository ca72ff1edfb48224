import { retireOriginals } from '../archive/outgoing.ts';
import { asSealError, SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { Config } from '../model/config.ts';
import type { ControlHandler, ControlServer } from '../ports/control.ts';
import type { HttpListener, HttpServer } from '../ports/http-server.ts';
import { own } from '../watcher/intake.ts';
import { IntakeLoop } from './intake-loop.ts';
import { monitorHandler } from './monitor.ts';
import { perform, type OperationName } from './operations.ts';
import { changedSections, type Reloadable } from './reload.ts';
import type { Service } from './service.ts';
import { endInterrupted } from './sign.ts';

export interface RunOptions {
  /** Settle, process approved batches, then stop. */
  readonly once: boolean;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  readonly pid: number;
  readonly notifier: {
    readonly watchdog: number | undefined;
    notify(state: 'READY=1' | 'STOPPING=1' | 'RELOADING=1' | 'WATCHDOG=1', status?: string): void;
  };
  readonly httpServer: HttpServer;
  readonly serveControl: (handler: ControlHandler) => Promise<ControlServer>;
  /** Reads the configuration file again. */
  readonly reload: () => Config;
  readonly setLogLevels: (levels: Reloadable['log']) => void;
  /** SIGHUP. @returns takes the listener away */
  readonly onHangup: (call: () => void) => () => void;
  readonly isOperation: (name: string) => name is OperationName;
}

export interface RunOutcome {
  readonly delivered: number;
  readonly inPart: number;
  readonly failed: number;
  readonly waiting: number;
}

const second = 1_000;
const minute = 60 * second;

/**
 * `run`: takes up what an earlier run left, watches the roots, claims and processes batches, closes trees, answers commands, until the signal.
 * On the signal signatures in progress are finished and recorded, nothing new is begun.
 * @throws SealError SEAL-ROOT-OWNED, SEAL-HTTP, SEAL-STORE-*
 */
export async function runService(service: Service, options: RunOptions): Promise<RunOutcome> {
  const daemon = new Daemon(service, options);
  try {
    await daemon.start();
    return options.once ? await daemon.untilIdle() : await daemon.untilStopped();
  } finally {
    await daemon.stop();
  }
}

class Daemon {
  readonly #service: Service;
  readonly #options: RunOptions;
  readonly #intake: IntakeLoop;
  readonly #undo: (() => unknown)[] = [];
  readonly #startedAt: number;
  #beat: number;
  #config: Config;

  constructor(service: Service, options: RunOptions) {
    this.#service = service;
    this.#options = options;
    this.#config = service.app.config;
    this.#intake = new IntakeLoop(service);
    this.#startedAt = service.app.fx.clock.now();
    this.#beat = service.app.fx.clock.monotonic();
  }

  async start(): Promise<void> {
    const { app, runner } = this.#service;
    const { log, store, clock } = app.fx;
    // First of all: a SIGHUP that nobody listens to ends the process.
    this.#undo.push(
      this.#options.onHangup(() => {
        this.#reload();
      }),
    );
    log.info({ version: app.version, config: app.config.path, data: app.config.dataDir }, 'Sealtree starts');
    await this.#ownRoots();
    await endInterrupted(this.#service);
    for (const doubt of await store.settleDoubts(clock.now()))
      log.warn(
        { document: doubt.document, key: doubt.key },
        'a signature may have been made without being recorded: it counts, and the document is signed again',
      );
    const resumed = await runner.resume();
    if (resumed > 0) log.info({ batches: resumed }, 'unfinished batches are taken up again');
    this.#service.live = () =>
      Promise.resolve({ daemon: { pid: this.#options.pid, since: this.#startedAt }, roots: this.#intake.status() });
    await this.#serve();
    await this.#intake.start();
    this.#schedule();
    this.#options.notifier.notify('READY=1', `${Object.keys(app.config.roots).length} roots`);
    log.info({ roots: Object.keys(app.config.roots) }, 'ready');
  }

  async #ownRoots(): Promise<void> {
    const { fx, config } = this.#service.app;
    let id = await fx.store.meta('data-directory');
    if (id === undefined) {
      id = fx.random.bytes(16).toString('hex');
      await fx.store.setMeta('data-directory', id);
    }
    for (const root of Object.values(config.roots)) {
      await fx.files.makeDirectory(root.path);
      for (const tree of [root.incoming, root.outgoing, root.failed, root.done]) await fx.files.makeDirectory(tree);
      await own(fx, root, { dataDirectory: id, path: config.dataDir });
    }
  }

  async #serve(): Promise<void> {
    const { app } = this.#service;
    const control = await this.#options.serveControl(async ({ operation, args, actor }, secret, progress, signal) => {
      if (!this.#options.isOperation(operation))
        throw new SealError('SEAL-USAGE', `the daemon knows no operation “${operation}”`, {
          hint: 'command and daemon have different versions: restart the daemon',
        });
      return await perform(this.#service, operation, args, { actor, progress, signal, ...(secret === undefined ? {} : { secret }) });
    });
    this.#undo.push(async () => {
      await control.close();
    });
    const { monitor } = app.config;
    if (monitor === undefined || this.#options.once) return;
    const listener: HttpListener = await this.#options.httpServer.serve(
      monitor.host,
      monitor.port,
      monitorHandler(app, { live: async () => await this.#service.live(), sinceBeat: () => app.fx.clock.monotonic() - this.#beat }),
    );
    this.#undo.push(async () => {
      await listener.close();
    });
  }

  #schedule(): void {
    const { app, closing } = this.#service;
    const { clock, log } = app.fx;
    const guarded = (what: string, work: () => Promise<unknown>) => async (): Promise<void> => {
      await work().catch((thrown: unknown) => {
        if (!this.#options.signal.aborted) log.error({ error: asSealError(thrown).toJSON() }, `${what} failed`);
      });
    };
    const timers = [
      clock.every(second, () => {
        this.#beat = clock.monotonic();
      }),
      clock.every(
        5 * second,
        guarded('closing', async () => {
          if (!this.#options.once) await closing.tick(this.#options.signal);
        }),
      ),
      clock.every(
        10 * second,
        guarded('looking for collected output', async () => {
          await this.#collected();
        }),
      ),
      clock.every(
        60 * minute,
        guarded('retention', async () => {
          await this.#retire();
        }),
      ),
    ];
    const { watchdog } = this.#options.notifier;
    if (watchdog !== undefined)
      timers.push(
        clock.every(watchdog, () => {
          this.#options.notifier.notify('WATCHDOG=1');
        }),
      );
    this.#undo.push(() => {
      for (const timer of timers) timer.cancel();
    });
  }

  /** SIGHUP: what can change while it runs does, the rest is named. */
  #reload(): void {
    const { log } = this.#service.app.fx;
    this.#options.notifier.notify('RELOADING=1');
    try {
      const fresh = this.#options.reload();
      this.#options.setLogLevels(fresh.log);
      const changed = changedSections(this.#config, fresh);
      log.info({ applied: changed.applied }, 'configuration read again');
      if (changed.needRestart.length > 0)
        log.warn(
          { sections: changed.needRestart, hint: 'restart the daemon' },
          `these changes need a restart: ${changed.needRestart.join(', ')}`,
        );
      this.#config = { ...this.#config, log: fresh.log };
    } catch (thrown) {
      log.error({ error: asSealError(thrown).toJSON() }, 'the configuration was not read again: the old one stays');
    }
    this.#options.notifier.notify('READY=1');
  }

  /** The consumer removed the ready semaphore: normal, and recorded. */
  async #collected(): Promise<void> {
    const { fx, config } = this.#service.app;
    for (let before: string | undefined; ;) {
      const page = await fx.store.batches({ uncollected: true, limit: 500, ...(before === undefined ? {} : { before }) });
      for (const { id, root: name, outPath } of page) {
        const root = config.roots[name];
        if (root === undefined || (await fx.files.stat(joinPath(root.outgoing, outPath, root.ready))) !== undefined) continue;
        await fx.store.markCollected(id, fx.clock.now());
        fx.log.info({ batch: id, path: displayName(outPath) }, 'collected');
      }
      before = page.at(-1)?.id;
      if (before === undefined || this.#options.signal.aborted) return;
    }
  }

  async #retire(): Promise<void> {
    const { fx, config } = this.#service.app;
    for (const root of Object.values(config.roots)) {
      const retired = await retireOriginals(fx, { root });
      if (retired > 0) fx.log.info({ root: root.name, batches: retired }, 'originals removed: their retention is over');
    }
  }

  async untilStopped(): Promise<RunOutcome> {
    const { signal } = this.#options;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
    });
    return this.#outcome();
  }

  /** Until nothing is under way and nothing settles; batches that wait for something are given a few more tries. */
  async untilIdle(): Promise<RunOutcome> {
    const { app, runner } = this.#service;
    const { signal } = this.#options;
    await this.#intake.sweep();
    for (let tries = 0; tries < 3 && !signal.aborted;) {
      await app.fx.clock.sleep(50, signal).catch(() => undefined);
      const { running, waiting } = runner.counts();
      if (running > 0 || !this.#intake.idle) continue;
      if (waiting + this.#intake.heldBack === 0) break;
      tries++;
      runner.poke();
      await app.fx.clock.sleep(second, signal).catch(() => undefined);
    }
    return this.#outcome();
  }

  #outcome(): RunOutcome {
    const { runner } = this.#service;
    return { ...runner.ended, waiting: runner.counts().waiting + this.#intake.heldBack };
  }

  async stop(): Promise<void> {
    const { app, runner } = this.#service;
    this.#options.notifier.notify('STOPPING=1');
    await this.#intake.close();
    await runner.stop();
    for (const undo of this.#undo.splice(0).reverse()) await undo();
    app.fx.log.info({}, 'Sealtree stopped');
  }
}
