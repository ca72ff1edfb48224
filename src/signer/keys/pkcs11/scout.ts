import { fork } from 'node:child_process';
import { SealError } from '../../../errors.ts';
import { CardFault } from './process.ts';
import { nameOf } from './look-around.ts';
import type { ChildProcess } from 'node:child_process';
import type { Effects } from '../../../ports/effects.ts';
import type { Seen, SeenToken } from './look-around.ts';
import type { Fault, TokenCertificate } from './messages.ts';

// Type stripping runs the sources, `npm run build` emits .js: the entry beside this file has the same extension.
const entry = new URL(import.meta.url.endsWith('.ts') ? './scout-child.ts' : './scout-child.js', import.meta.url);
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ScoutRequest {
  readonly module: string;
  /** `nameOf` of tokens whose certificates are known. */
  readonly known: readonly string[];
}

export type ScoutAnswer = { readonly ok: true; readonly seen: Seen } | { readonly ok: false; readonly fault: Fault };

export interface ScoutOptions {
  /** For messages. */
  readonly name: string;
  readonly module: string;
  readonly environment: Readonly<Record<string, string>>;
  /** ms for one look. */
  readonly timeout: number;
}

/** A token with what is to be read on it. */
export type FoundToken = SeenToken & { readonly certificates: readonly TokenCertificate[] };

/** A process that looks around in the readers of a module. One life; a driver that hangs is ended with it. */
export class Scout {
  readonly #options: ScoutOptions;
  readonly #fx: Pick<Effects, 'clock'>;
  readonly #child: ChildProcess;
  readonly #certificates = new Map<string, readonly TokenCertificate[]>();
  readonly #exited: Promise<unknown>;
  #over: string | undefined;

  constructor(options: ScoutOptions, fx: Pick<Effects, 'clock'>) {
    this.#options = options;
    this.#fx = fx;
    this.#child = fork(entry, [], {
      execArgv: ['--max-old-space-size=64'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { PATH: path, ...options.environment },
    });
    // A daemon that stops does not wait for it; it ends with the channel.
    this.#child.unref();
    this.#child.channel?.unref();
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', resolve);
      this.#child.once('error', resolve);
    }).then(() => (this.#over ??= 'ended'));
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  /** One look at a time. @throws CardFault; SealError SEAL-KEY-DEVICE when the process ended or had to be */
  async look(): Promise<{ readonly readers: readonly string[]; readonly tokens: readonly FoundToken[] }> {
    const answer = await this.#ask({ module: this.#options.module, known: [...this.#certificates.keys()] });
    if (!answer.ok) throw new CardFault(answer.fault);
    const { readers, tokens } = answer.seen;
    const found = tokens.map((token) => {
      const certificates = token.certificates ?? this.#certificates.get(nameOf(token)) ?? [];
      return { ...token, certificates };
    });
    this.#certificates.clear();
    for (const token of found) this.#certificates.set(nameOf(token), token.certificates);
    return { readers, tokens: found };
  }

  /** Resolves when it has gone. */
  async end(): Promise<void> {
    this.#over ??= 'was ended';
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #ask(request: ScoutRequest): Promise<ScoutAnswer> {
    if (this.#over !== undefined) throw this.#gone();
    const { promise, resolve, reject } = Promise.withResolvers<ScoutAnswer>();
    const ended = (): void => {
      this.#over ??= 'ended';
      reject(this.#gone());
    };
    const timer = this.#fx.clock.after(this.#options.timeout, () => {
      this.#over ??= `did not answer within ${this.#options.timeout} ms and was killed`;
      this.#child.kill('SIGKILL');
    });
    this.#child.once('message', resolve);
    this.#child.once('exit', ended);
    this.#child.once('error', ended);
    try {
      this.#child.send(request, (error) => {
        if (error) ended();
      });
      return await promise;
    } finally {
      timer.cancel();
      this.#child.off('message', resolve);
      this.#child.off('exit', ended);
      this.#child.off('error', ended);
    }
  }

  #gone(): SealError {
    return new SealError('SEAL-KEY-DEVICE', `${this.#options.name}: the process that looks for cards ${this.#over ?? 'ended'}`, {
      where: this.#options.name,
      hint: 'it is started again by itself; if this repeats, look at driver and readers, and at other programs that hold a card',
    });
  }
}
