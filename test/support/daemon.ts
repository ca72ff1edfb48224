import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { LiveConfig, type ConfigChanges } from '../../src/app/live-config.ts';
import { isOperation } from '../../src/app/operations.ts';
import { runService, type RunOptions, type RunOutcome } from '../../src/app/run.ts';
import type { StatusReport } from '../../src/app/status.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { SealError } from '../../src/errors.ts';
import type { Config } from '../../src/model/config.ts';
import type { ControlHandler } from '../../src/ports/control.ts';
import type { Effects } from '../../src/ports/effects.ts';
import type { ServiceHouse } from './service.ts';

/** A daemon in this process, with its strings in a test's hands. */
export class TestDaemon {
  readonly house: ServiceHouse;
  readonly ended: Promise<RunOutcome>;
  readonly told: string[] = [];
  config: Config;
  #handler: ControlHandler | undefined;
  #hangup: () => void = () => undefined;
  readonly #stop = new AbortController();
  readonly #live: LiveConfig;
  readonly #fx: Partial<Effects>;

  /** @param fx what it has instead of the house's */
  constructor(house: ServiceHouse, options: Partial<RunOptions> = {}, config = house.config, fx: Partial<Effects> = {}) {
    this.house = house;
    this.#fx = fx;
    this.config = config;
    this.#live = new LiveConfig(config);
    this.ended = this.#run(options);
    this.ended.catch(() => undefined);
  }

  async #run(options: Partial<RunOptions>): Promise<RunOutcome> {
    const service = await this.house.service(this.#fx, this.#live.config);
    return await runService(service, {
      ...{ once: false, signal: this.#stop.signal, pid: 4711, httpServer: httpServer(), isOperation },
      loopDelay: () => ({ p50: 0, p99: 0, max: 0 }),
      notifier: {
        watchdog: undefined,
        notify: (state) => {
          this.told.push(state);
        },
      },
      serveControl: (handler) => {
        this.#handler = handler;
        return Promise.resolve({
          close: () => {
            this.#handler = undefined;
            return Promise.resolve();
          },
        });
      },
      reload: (): ConfigChanges => this.#live.apply(this.config),
      setLog: () => undefined,
      onHangup: (call) => {
        this.#hangup = call;
        return () => undefined;
      },
      ...options,
    });
  }

  async ready(): Promise<void> {
    await this.house.until('ready', () => this.told.includes('READY=1'));
  }

  /** Asks as a command does. */
  async ask(operation: string, args: object = {}): Promise<unknown> {
    assert.ok(this.#handler, 'nobody answers');
    return await this.#handler({ operation, args, actor: 'karl' }, undefined, () => undefined, new AbortController().signal);
  }

  async status(): Promise<StatusReport> {
    return (await this.ask('status')) as StatusReport;
  }

  hangup(): void {
    this.#hangup();
  }

  async stop(): Promise<RunOutcome> {
    this.#stop.abort(new SealError('SEAL-INTERRUPTED', 'SIGTERM'));
    return await this.ended;
  }
}

type DaemonParts = [options?: Partial<RunOptions>, config?: Config, fx?: Partial<Effects>];

/** A daemon that is ready, and ends with the test at the latest. */
export async function daemonOf(t: TestContext, house: ServiceHouse, ...more: DaemonParts): Promise<TestDaemon> {
  const daemon = new TestDaemon(house, ...more);
  t.after(async () => {
    await daemon.stop().catch(() => undefined);
  });
  await daemon.ready();
  return daemon;
}

/** Moves the clock in small steps until something holds. */
export async function until(house: ServiceHouse, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await house.until(what, async () => {
    await house.clock.advance(100);
    return await holds();
  });
}
