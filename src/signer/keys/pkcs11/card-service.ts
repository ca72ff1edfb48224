import { takeSecret } from '../../../effects/secret-door.ts';
import { TokenClient } from './client.ts';
import { beforeSigning, DriverFault, loadModule } from './module.ts';
import { Results } from './results.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Calls, CallName, CardActivation, Setup, TokenSelector, TokenView } from './messages.ts';
import type { UnclaimedSignature } from './records.ts';

type Handlers = { readonly [K in CallName]: (args: Calls[K]['args']) => Calls[K]['reply'] | Promise<Calls[K]['reply']> };

const notLoggedIn = { rv: 257, message: 'CKR_USER_NOT_LOGGED_IN' };

/** What a card process does: one module, one token, its activation, and what was signed and not yet confirmed. */
export class CardService {
  readonly #setup: Setup;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #results = new Results();
  #client: TokenClient | undefined;
  /** As it was seen last. */
  #view: TokenView | undefined;
  #selector: TokenSelector = {};
  #activation: CardActivation | undefined;
  /** On the monotonic clock. */
  #activeUntil = Infinity;
  readonly #running = new Set<Promise<unknown>>();
  /** ms an activated card stays without a daemon. */
  keepAlive: number;

  constructor(setup: Setup, clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#setup = setup;
    this.#clock = clock;
    this.keepAlive = setup.keepAlive;
  }

  /** Signatures or logins are in progress. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  get active(): boolean {
    return this.#activation !== undefined;
  }

  unclaimed(): UnclaimedSignature[] {
    return this.#results.unclaimed();
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async handle<K extends Exclude<CallName, 'end'>>(call: K, args: Calls[K]['args']): Promise<Calls[K]['reply']> {
    return await this.#handlers[call](args);
  }

  readonly #handlers: Omit<Handlers, 'end'> = {
    start: async ({ module, sessions }) => {
      this.#client = new TokenClient(await loadModule(module), sessions);
      return { library: this.#client.library() };
    },
    adopt: ({ keepAlive }) => {
      this.keepAlive = keepAlive ?? this.keepAlive;
      return {
        ...(this.#activation === undefined ? {} : { activation: this.#activation }),
        ...(this.#view === undefined ? {} : { view: this.#view }),
      };
    },
    look: ({ token }) => this.#look(token),
    certificates: () => this.#started().certificates(),
    login: async (args) => await this.#working(async () => await this.#login(args)),
    logout: () => {
      this.#activation = undefined;
      this.#started().logout();
      return {};
    },
    sign: async (args) => await this.#working(async () => ({ signature: await this.#sign(args) })),
    claim: async ({ requests }) => ({ results: await this.#results.claim(requests) }),
    recorded: ({ requests }) => {
      this.#results.forget(requests);
      return {};
    },
  };

  /** Without a daemon: why the activation is over, if it is. */
  lost(): string | undefined {
    if (this.#activation === undefined) return 'it was not activated';
    if (this.#over()) return 'the time of the activation was over';
    try {
      const view = this.#look(this.#selector);
      if (view === undefined || view.fresh) return 'the card was removed';
      return view.loggedIn ? undefined : 'the card asked its PIN again';
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  close(): void {
    this.#client?.close();
  }

  #started(): TokenClient {
    if (this.#client === undefined) throw new DriverFault({ rv: 0, message: 'the module was not loaded' });
    return this.#client;
  }

  #look(token: TokenSelector): Calls['look']['reply'] {
    this.#selector = token;
    // A session is not disturbed while it signs: if the card leaves, the signature says so.
    if (this.busy && this.#view !== undefined) return { ...this.#view, loggedIn: this.active, fresh: false };
    const view = this.#started().look(token);
    if (view?.loggedIn !== true || view.fresh) this.#activation = undefined;
    this.#view = view;
    return view;
  }

  async #login({ door, since, lasts, once }: Calls['login']['args']): Promise<Calls['login']['reply']> {
    const keys = await this.#started().login(door === undefined ? undefined : await takeSecret(this.#setup.directory, door));
    this.#activeUntil = lasts === undefined ? Infinity : this.#clock.monotonic() + lasts;
    if (!once) this.#activation = { keys, since, ...(lasts === undefined ? {} : { until: since + lasts }) };
    return { keys };
  }

  async #sign({ door, request, atReader = false, ...asked }: Calls['sign']['args']): Promise<Buffer> {
    return await this.#results.sign(request, asked, async () => {
      let pin: Buffer | 'at-reader' | undefined;
      try {
        if (this.#over()) throw new DriverFault(notLoggedIn);
        pin = atReader ? 'at-reader' : door === undefined ? undefined : await takeSecret(this.#setup.directory, door);
      } catch (thrown) {
        throw beforeSigning(thrown);
      }
      return await this.#started().sign(asked, pin);
    });
  }

  /** By either clock: the wall clock goes on while the machine sleeps, and may be turned back. */
  #over(): boolean {
    const until = this.#activation?.until;
    return this.#clock.monotonic() >= this.#activeUntil || (until !== undefined && this.#clock.now() >= until);
  }

  async #working<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}
