import { settleDoubts } from '../batch/sign-step.ts';
import { asSealError, SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';
import type { ControlHandler, ControlServer } from '../ports/control.ts';
import type { HttpServer } from '../ports/http-server.ts';
import { inModule } from '../ports/log.ts';
import type { LoopDelay } from '../ports/loop-delay.ts';
import { tellCards } from './cards-at-stop.ts';
import { endInterrupted } from './command-batch.ts';
import { CommandServer } from './command-server.ts';
import { Heartbeat, type Supervisor } from './heartbeat.ts';
import { Housekeeping } from './housekeeping.ts';
import { IntakeLoop } from './intake-loop.ts';
import type { ConfigChanges } from './live-config.ts';
import { monitorHandler } from './monitor.ts';
import { channels } from './notify/channels.ts';
import { Notifier } from './notify/notifier.ts';
import type { OperationName } from './operation-types.ts';
import { ownRoots } from './own-roots.ts';
import type { Service } from './service.ts';
import { status } from './status.ts';
import { missingCrls } from './trust-files.ts';

export interface RunOptions {
  /** Settle, process approved batches, then stop. */
  readonly once: boolean;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  readonly pid: number;
  readonly notifier: Supervisor;
  readonly httpServer: HttpServer;
  readonly loopDelay: () => LoopDelay;
  readonly serveControl: (handler: ControlHandler) => Promise<ControlServer>;
  /** Reads the configuration file again and takes over what can change. @throws SealError SEAL-CONFIG-* and nothing has changed */
  readonly reload: () => ConfigChanges;
  readonly setLog: (log: Config['log']) => void;
  /** SIGHUP. @returns takes the listener away */
  readonly onHangup: (call: () => void) => () => void;
  readonly isOperation: (name: string) => name is OperationName;
}

export interface RunOutcome {
  readonly delivered: number;
  readonly inPart: number;
  readonly failed: number;
  readonly waiting: number;
  /** The signal came while batches were under way, waited or settled. */
  readonly interrupted?: true;
}

const second = 1_000;

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
  readonly #house: Housekeeping;
  readonly #undo: (() => unknown)[] = [];
  readonly #startedAt: number;
  readonly #heartbeat: Heartbeat;
  readonly #commands: CommandServer;
  #notifier: Notifier | undefined;

  constructor(service: Service, options: RunOptions) {
    this.#service = service;
    this.#options = options;
    this.#intake = new IntakeLoop(service);
    this.#commands = new CommandServer(service, options.isOperation);
    this.#house = new Housekeeping(service, options.signal);
    this.#startedAt = service.app.fx.clock.now();
    this.#heartbeat = new Heartbeat(service.app.fx.clock, options.notifier);
  }

  async start(): Promise<void> {
    const { app } = this.#service;
    const { log } = app.fx;
    // First of all: a SIGHUP that nobody listens to ends the process.
    this.#undo.push(
      this.#options.onHangup(() => {
        this.#reload();
      }),
    );
    log.info({ version: app.version, config: app.config.path, data: app.config.dataDir }, 'Sealtree starts');
    const { evaluationProblem } = this.#service;
    if (evaluationProblem !== undefined) {
      const { message, hint = '', where = '' } = evaluationProblem;
      throw new SealError('SEAL-HTTP', message, { hint, where, cause: evaluationProblem });
    }
    await ownRoots(app);
    for (const { message, hint, path } of await missingCrls(app.fx, app.config)) log.warn({ where: path, hint }, message);
    this.#service.resident = true;
    await this.#takeUp();
    this.#service.live = () =>
      Promise.resolve({
        daemon: { pid: this.#options.pid, since: this.#startedAt },
        pool: this.#service.pool.view(),
        roots: this.#intake.status(),
        due: this.#house.due,
        notify: this.#notifier?.problems ?? [],
      });
    await this.#serve();
    await this.#intake.start();
    await this.#startNotifier();
    this.#house.start({ closeTrees: !this.#options.once });
    this.#undo.push(() => {
      this.#house.stop();
    });
    this.#heartbeat.start();
    this.#undo.push(() => {
      this.#heartbeat.stop();
    });
    this.#options.notifier.notify('READY=1', `${Object.keys(app.config.roots).length} roots`);
    log.info({ roots: Object.keys(app.config.roots) }, 'ready');
  }

  /** What an earlier run left. */
  async #takeUp(): Promise<void> {
    const { app, runner } = this.#service;
    const { log } = app.fx;
    await endInterrupted(app);
    await settleDoubts({ ...app, fx: inModule(app.fx, 'signer') });
    await this.#service.pool.recount();
    const resumed = await runner.resume();
    if (resumed > 0) log.info({ batches: resumed }, 'unfinished batches are taken up again');
  }

  async #serve(): Promise<void> {
    const { app } = this.#service;
    const control = await this.#options.serveControl(this.#commands.answer);
    this.#undo.push(async () => {
      await control.close();
    });
    const { monitor } = app.config;
    if (monitor === undefined || this.#options.once) return;
    const vitals = {
      live: async () => await this.#service.live(),
      sinceBeat: () => this.#heartbeat.since,
      loopDelay: this.#options.loopDelay,
    };
    const listener = await this.#options.httpServer.serve(monitor.host, monitor.port, monitorHandler(app, vitals));
    this.#undo.push(async () => {
      await listener.close();
    });
  }

  async #startNotifier(): Promise<void> {
    const { app } = this.#service;
    const { notify } = app.config;
    if (notify === undefined || this.#options.once) return;
    const fx = inModule(app.fx, 'batch');
    const notifier = new Notifier(fx, {
      channels: channels(notify, { ...fx, readSecret: app.readSecret }),
      roots: Object.keys(app.config.roots),
      source: app.config.path,
      status: async () => await status(app, await this.#service.live()),
    });
    this.#notifier = notifier;
    await notifier.start();
    this.#undo.push(async () => {
      await notifier.stop();
    });
  }

  /** SIGHUP: what can change while it runs does, renewed certificates are taken over, the rest is named. */
  #reload(): void {
    const { app, runner } = this.#service;
    const { log } = app.fx;
    this.#options.notifier.notify('RELOADING=1');
    try {
      const { applied, needRestart } = this.#options.reload();
      this.#options.setLog(app.config.log);
      log.info({ applied }, 'configuration read again');
      if (needRestart.length > 0)
        log.warn({ settings: needRestart, hint: 'restart the daemon' }, `these changes need a restart: ${needRestart.join(', ')}`);
      void this.#house.refreshKeys();
      runner.poke();
    } catch (thrown) {
      log.error({ error: asSealError(thrown).toJSON() }, 'the configuration was not read again: the old one stays');
    }
    this.#options.notifier.notify('READY=1');
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
    const outcome = this.#outcome();
    const left = outcome.waiting + runner.counts().running > 0 || !this.#intake.idle;
    return signal.aborted && left ? { ...outcome, interrupted: true } : outcome;
  }

  #outcome(): RunOutcome {
    const { runner } = this.#service;
    return { ...runner.ended, waiting: runner.counts().waiting + this.#intake.heldBack };
  }

  async stop(): Promise<void> {
    const { app, runner } = this.#service;
    this.#options.notifier.notify('STOPPING=1');
    this.#commands.interrupt();
    await this.#intake.close();
    await runner.stop();
    await this.#commands.ended();
    for (const undo of this.#undo.splice(0).reverse()) await undo();
    tellCards(app);
    app.fx.log.info({}, 'Sealtree stopped');
  }
}
