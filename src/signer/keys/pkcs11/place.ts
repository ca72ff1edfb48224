import { judgeFor } from './choice.ts';
import { isOpenSc } from './opensc.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { KeyChoice } from './choice.ts';
import type { CardHost } from './host.ts';
import type { TokenSelector } from './messages.ts';
import type { CardProcess } from './process.ts';
import type { Readers } from './readers.ts';
import type { FoundToken } from './scout.ts';

export type PlaceConfig = KeyChoice & Pick<Pkcs11KeyConfig, 'name' | 'module'>;

/**
 * Where the token of a key is, and its card process there. Modules that show their tokens under fixed names are asked directly. With OpenSC, and where
 * the configuration names no token, the readers are looked at first: then no process is kept while the card is not there.
 */
export class Place {
  readonly #config: PlaceConfig;
  readonly #readers: Readers;
  readonly #host: CardHost;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #searched: boolean;
  #selector: TokenSelector;
  #before: string | undefined;
  #expected = false;

  constructor(config: PlaceConfig, readers: Readers, host: CardHost, clock: Pick<Clock, 'now'>) {
    this.#config = config;
    this.#readers = readers;
    this.#host = host;
    this.#clock = clock;
    const { token } = config;
    this.#searched = isOpenSc(config.module) || token === 'any' || token.reader !== undefined;
    this.#selector = token === 'any' ? {} : token;
  }

  /** From now on the card process of an earlier daemon may turn up: others wait until it is known where it is. */
  expect(): void {
    if (!this.#searched) return;
    this.#expected = true;
    this.#readers.expect(this);
  }

  /** How the card process finds it. */
  get selector(): TokenSelector {
    return this.#selector;
  }

  /**
   * The card process; undefined: the token is not there.
   * @throws CardFault, SealError SEAL-KEY-DEVICE
   */
  async process(): Promise<CardProcess | undefined> {
    if (!this.#searched || this.#host.process !== undefined) return await this.#host.running();
    const adopted = await this.#adopted();
    if (adopted !== undefined) return adopted;
    const found = await this.#readers.seek(this, judgeFor(this.#config, this.#clock.now(), this.#before));
    if (found === undefined) return undefined;
    this.#take(found);
    try {
      return await this.#host.running(this.#readers.others(found.reader));
    } catch (thrown) {
      this.#readers.release(this);
      throw thrown;
    }
  }

  async #adopted(): Promise<CardProcess | undefined> {
    const process = await this.#host.adopted();
    const view = process?.inherited?.view;
    if (this.#expected) this.#readers.settled(this, view?.reader);
    this.#expected = false;
    // Without a card it is of no use: the next look starts anew.
    if (view === undefined) await this.#host.end();
    else this.#take(view);
    return view === undefined ? undefined : process;
  }

  #take({ serial, label }: Pick<FoundToken, 'serial' | 'label'>): void {
    this.#before = serial;
    this.#selector = { serial, label };
  }

  /** The token is not there any more. */
  async left(): Promise<void> {
    if (!this.#searched) return;
    await this.#host.end();
    this.#readers.release(this);
  }

  /** The card process has gone. */
  lost(): void {
    if (this.#expected) this.#readers.settled(this);
    this.#expected = false;
    this.#readers.release(this);
  }

  /** What is there instead, for a person who looks for the card. */
  get hint(): string {
    const { token } = this.#config;
    const wanted = token === 'any' ? 'insert a card whose certificate matches “certificate:” of the key and is meant for signatures (contentCommitment)' : 'insert the card; “token:” of the key says which one is meant'; // prettier-ignore
    const free = this.#searched ? this.#readers.free.map(({ reader, label, serial }) => `“${label}” (serial ${serial}) in ${reader}`) : [];
    return free.length === 0 ? wanted : `${wanted}; no key uses ${free.join(', ')}`;
  }
}
