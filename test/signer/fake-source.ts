import { sign } from 'node:crypto';
import { SealError } from '../../src/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { KeyActivation, KeySource, KeyState, KeyStatus, SigningKey } from '../../src/ports/keys.ts';
import type { TestIdentity } from '../support/authority.ts';

export interface FakeOptions {
  readonly identity: TestIdentity;
  /** ms of one signature on the given clock; 0: at once. */
  readonly ms?: number;
  readonly concurrency?: number;
  readonly chunk?: number;
  readonly queues?: true;
  readonly trusted?: true;
  /** Whether `open` activates it, as with a configured PIN. */
  readonly unattended?: boolean;
}

/** A key whose card can be pulled, locked, slowed down and made to fail. */
export class FakeSource implements KeySource {
  readonly name: string;
  readonly #options: FakeOptions;
  readonly #clock: Clock;
  readonly #listeners: (() => void)[] = [];
  #state: KeyState = 'ready';
  #key: SigningKey;
  #activation: KeyActivation;
  /** Signatures made. */
  signatures = 0;
  /** Signatures running now, and the most there ever were. */
  running = 0;
  most = 0;
  /** Signatures that wait for the clock. */
  asleep = 0;
  /** Called before each signature; may throw, may wait. */
  before: (data: Buffer) => void | Promise<void> = () => undefined;
  /** Changes the signature before it is given back. */
  garble: (signature: Buffer) => Buffer = (signature) => signature;

  constructor(name: string, clock: Clock, options: FakeOptions) {
    this.name = name;
    this.#clock = clock;
    this.#options = options;
    this.#key = this.#make();
    this.#activation = { since: clock.now() };
  }

  #make(): SigningKey {
    const { identity, concurrency = 1, chunk = 1, queues, trusted } = this.#options;
    return {
      name: this.name,
      chain: identity.chain,
      keyType: { type: 'ec', curve: 'prime256v1', bits: 256 },
      concurrency,
      chunk,
      ...(queues === undefined ? {} : { queues }),
      ...(trusted === undefined ? {} : { trusted }),
      supports: ({ digest }) => digest !== 'sha512',
      sign: async (data, { digest }) => {
        const key = this.#key;
        this.most = Math.max(this.most, ++this.running);
        try {
          await this.before(data);
          if ((this.#options.ms ?? 0) > 0) await this.#sleep(this.#options.ms ?? 0);
          if (key !== this.#key || this.#state !== 'ready')
            throw new SealError('SEAL-KEY-ABSENT', `${this.name}: pulled`, { hint: 'insert it' });
          this.signatures++;
          return this.garble(sign(digest, data, identity.privateKey));
        } finally {
          this.running--;
        }
      },
    };
  }

  async #sleep(ms: number): Promise<void> {
    this.asleep++;
    await this.#clock.sleep(ms);
    this.asleep--;
  }

  pull(): void {
    this.#become('absent');
  }

  insert(): void {
    this.#key = this.#make();
    this.#activation = { since: this.#clock.now() };
    this.#become('ready');
  }

  #become(state: KeyState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  open(): Promise<void> {
    if (this.#state === 'pin-needed' && this.#options.unattended === true) this.insert();
    return Promise.resolve();
  }

  key(): SigningKey | undefined {
    return this.#state === 'ready' ? this.#key : undefined;
  }

  status(): KeyStatus {
    const ready = this.#state === 'ready';
    return {
      name: this.name,
      source: 'pkcs11',
      state: this.#state,
      ...(ready
        ? { activation: this.#activation, certificate: this.#options.identity.chain[0] ?? Buffer.alloc(0) }
        : { reason: this.#state }),
    };
  }

  refresh(): Promise<void> {
    return Promise.resolve();
  }

  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  activate(): Promise<void> {
    this.insert();
    return Promise.resolve();
  }

  deactivate(): Promise<void> {
    this.#become('pin-needed');
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
