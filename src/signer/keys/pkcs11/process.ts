import { offerSecret } from '../../../effects/secret-door.ts';
import { SealError } from '../../../errors.ts';
import { lives } from './peer.ts';
import { encodeFrame, FrameReader } from './wire.ts';
import type { Socket } from 'node:net';
import type { Effects } from '../../../ports/effects.ts';
import type { Answer, Calls, CallName, Fault, Inheritance } from './messages.ts';
import type { ProcessIdentity } from './peer.ts';

/** A call that the card process answered with an error. */
export class CardFault extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

interface Pending {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
}

export interface ProcessOptions {
  /** For log and messages. */
  readonly name: string;
  /** Where it opens doors for PINs. */
  readonly directory: string;
  readonly identity: ProcessIdentity;
}

/**
 * A card process as the daemon sees it, through an authenticated connection. One life: when it has ended, for whatever reason, `ended` resolves and
 * every call rejects with SEAL-KEY-DEVICE; a new one is started then.
 */
export class CardProcess {
  /** Resolves with the reason. */
  readonly ended: Promise<string>;
  /** What it had from an earlier daemon. */
  inherited: Inheritance | undefined;
  readonly #options: ProcessOptions;
  readonly #fx: Pick<Effects, 'clock' | 'log'>;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #over: string | undefined;

  constructor(socket: Socket, options: ProcessOptions, fx: Pick<Effects, 'clock' | 'log'>) {
    this.#options = options;
    this.#fx = fx;
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const answer of reader.push(chunk)) this.#answered(answer as Answer);
      } catch (thrown) {
        socket.destroy(thrown instanceof Error ? thrown : undefined);
      }
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#finish('ended');
        resolve(this.#over ?? 'ended');
      });
    });
  }

  get pid(): number {
    return this.#options.identity.pid;
  }

  /**
   * @param limit ms; then the process is killed: a driver that hangs cannot be talked to any more
   * @throws CardFault what the module answered; SealError SEAL-KEY-DEVICE when the process ended or had to be killed
   */
  async call<K extends CallName>(call: K, args: Calls[K]['args'], limit: number): Promise<Calls[K]['reply']> {
    if (this.#over !== undefined) throw this.#gone(this.#over);
    const id = ++this.#lastId;
    const timer = this.#fx.clock.after(limit, () => {
      this.#fx.log.error({ key: this.#options.name, pid: this.pid, call, limit }, 'card process does not answer and is killed');
      this.#finish(`did not answer “${call}” within ${limit} ms and was killed`);
      this.kill();
    });
    try {
      return await new Promise<Calls[K]['reply']>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#socket.write(encodeFrame({ id, call, args }), (error) => {
          if (error) this.#take(id)?.reject(this.#gone(error.message));
        });
      });
    } finally {
      timer.cancel();
    }
  }

  /** Lets the card process take a PIN while `use` runs; zeroes `pin` whatever happens. @param use is given the name of the door */
  async withPin<T>(pin: Buffer, use: (door: string) => Promise<T>): Promise<T> {
    try {
      const door = await offerSecret(this.#options.directory, pin);
      try {
        return await use(door.name);
      } finally {
        await door.close();
      }
    } finally {
      pin.fill(0);
    }
  }

  kill(): void {
    if (lives(this.#options.identity)) process.kill(this.pid, 'SIGKILL');
    this.#socket.destroy();
  }

  /** Asks it to close sessions and module and waits for its end; kills it after `limit` ms. */
  async end(limit: number): Promise<void> {
    if (this.#over === undefined) await this.call('end', {}, limit).catch(() => undefined);
    await this.ended;
  }

  /** Leaves it to the next daemon. */
  async leave(): Promise<void> {
    this.#finish('was left to the next daemon');
    this.#socket.end();
    await this.ended;
  }

  #answered(answer: Answer): void {
    const pending = this.#take(answer.id);
    if (answer.ok) pending?.resolve(answer.reply as never);
    else pending?.reject(new CardFault(answer.fault));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #finish(why: string): void {
    this.#over ??= why;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(this.#gone(why));
  }

  #gone(why: string): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#options.name}: the card process ${why}`, {
      where: this.#options.name,
      hint: 'it is started again by itself; if this repeats, look at driver and reader (log level debug shows what the driver says)',
    });
  }
}
