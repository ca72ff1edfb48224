import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serialOf } from '../vcard/piv-card.ts';
import { openscModule } from './tools.ts';
import type { ChildProcess } from 'node:child_process';
import type { TestIdentity } from './authority-types.ts';
import type { Answer, CardSettings, CardStatistics, Order, Setup } from '../vcard/orders.ts';

const main = new URL('../vcard/main.ts', import.meta.url).pathname;
export const cardPin = '123456';

export interface VirtualCard {
  readonly name: string;
  /** Key 01 (9A): the PIN once. */
  readonly mass: TestIdentity;
  /** Key 02 (9C): the PIN for each signature. */
  readonly individual: TestIdentity;
  readonly settings?: Partial<CardSettings>;
}

/** A real pcscd with virtual cards, in namespaces of its own. Needs `pcsc`. */
export class PcscStack {
  /** OpenSC's module. */
  readonly module: string;
  /** For every process that shall see these cards instead of the machine's. */
  readonly environment: Readonly<Record<string, string>>;
  /** Socket and log of pcscd. */
  readonly directory: string;
  readonly #cards: readonly VirtualCard[];
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: (answer: CardStatistics | undefined) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  private constructor(directory: string, cards: readonly VirtualCard[]) {
    this.module = openscModule ?? 'opensc-pkcs11.so';
    this.environment = { PCSCLITE_CSOCK_NAME: join(directory, 'run/pcscd.comm') };
    this.directory = directory;
    this.#cards = cards;
    const namespaces = ['--net', '--mount', '--pid', '--mount-proc', '--fork', '--kill-child'];
    this.#child = spawn('unshare', [...namespaces, process.execPath, '--disable-warning=ExperimentalWarning', main], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answer: Answer) => {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      if (answer.ok) pending?.resolve(answer.statistics);
      else pending?.reject(new Error(answer.error));
    });
    this.#child.once('exit', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('the virtual cards have ended'));
    });
  }

  /** Two cards at most, all inserted. @param cleanup called with what ends everything */
  static async start(cleanup: (end: () => Promise<void>) => void, cards: readonly VirtualCard[]): Promise<PcscStack> {
    const directory = mkdtempSync(join(tmpdir(), 'sealtree-pcsc-'));
    const stack = new PcscStack(directory, cards);
    cleanup(async () => {
      await stack.#end();
      rmSync(directory, { recursive: true, force: true });
    });
    await stack.#order({ order: 'setup', setup: describe(directory, cards) });
    return stack;
  }

  /** Of the process that holds the namespaces. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Serial number as OpenSC shows it. */
  serial(card: number): string {
    return serialOf(this.#cards[card]?.name ?? '');
  }

  async insert(card: number): Promise<void> {
    await this.#order({ order: 'insert', card });
  }

  async remove(card: number): Promise<void> {
    await this.#order({ order: 'remove', card });
  }

  async set(card: number, settings: Partial<CardSettings>): Promise<void> {
    await this.#order({ order: 'set', card, settings });
  }

  async statistics(card: number): Promise<CardStatistics> {
    const statistics = await this.#order({ order: 'statistics', card });
    if (statistics === undefined) throw new Error('no statistics');
    return statistics;
  }

  /** SIGKILL. */
  async killPcscd(): Promise<void> {
    await this.#order({ order: 'kill-pcscd' });
  }

  /** @param reader whether the reader is plugged in */
  async startPcscd(reader = true): Promise<void> {
    await this.#order({ order: 'start-pcscd', reader });
  }

  #order(order: Order): Promise<CardStatistics | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ ...order, id }, (error) => {
        if (error) reject(error);
      });
    });
  }

  async #end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}

function describe(directory: string, cards: readonly VirtualCard[]): Setup {
  const key = ({ privateKey, certificate }: TestIdentity) => ({
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: certificate.toString('base64'),
  });
  return {
    directory,
    cards: cards.map(({ name, mass, individual, settings }) => ({
      name,
      keys: { '9a': key(mass), '9c': key(individual) },
      settings: { pin: cardPin, pinTries: 3, delayMs: 0, ...settings },
    })),
  };
}
