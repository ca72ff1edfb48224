import { asSealError } from '../../../errors.ts';
import { certificateProblem, nextCertificateChange } from '../certificate.ts';
import { ChainFiles } from '../chain-files.ts';
import { SigningDesk } from './desk.ts';
import { individualKey } from './individual.ts';
import { keyStatus } from './key-status.ts';
import { foreseeCertificate, pairKey, signerOf } from './pairing.ts';
import { unattendedKey } from './unattended-key.ts';
import type { SealError } from '../../../errors.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { Timer } from '../../../ports/clock.ts';
import type { Claimed, KeySource, KeyStatus, SigningKey } from '../../../ports/keys.ts';
import type { KeyEffects } from '../effects.ts';
import type { CardKey } from './individual.ts';
import type { TokenCertificate, TokenKey } from './messages.ts';
import type { Pair } from './pairing.ts';
import type { Activation, Visible } from './state.ts';
import type { Token } from './token.ts';

/** What an activation and the certificates at hand give this key: the pair, or why there is none. */
interface View {
  readonly activation: Activation;
  readonly visible: Visible;
  /** DER certificates from files. */
  readonly extra: readonly Buffer[];
  readonly pair?: Pair;
  readonly key?: SigningKey;
  readonly error?: SealError;
}

/** One configured key on a PKCS#11 token, which other keys may share. */
export class Pkcs11Source implements KeySource {
  readonly name: string;
  readonly #config: Pkcs11KeyConfig;
  readonly #token: Token;
  readonly #fx: KeyEffects;
  readonly #listeners: (() => void)[] = [];
  readonly #chain: ChainFiles;
  #view: View | undefined;
  #joined = false;
  #timer: Timer | undefined;
  readonly #desk: SigningDesk;
  #once: { readonly card: CardKey; readonly key: SigningKey } | undefined;

  constructor(config: Pkcs11KeyConfig, token: Token, fx: KeyEffects) {
    this.#desk = new SigningDesk(config.name, fx.clock, () => {
      this.#tell();
    });
    this.name = config.name;
    this.#config = config;
    this.#chain = new ChainFiles(config.name, config.chain, fx);
    this.#token = token;
    this.#fx = fx;
    token.onChange(() => {
      this.#changed();
    });
  }

  async open(): Promise<void> {
    if (!this.#joined) this.#token.join();
    this.#joined = true;
    await this.#chain.read();
    await this.#token.open();
  }

  async refresh(): Promise<void> {
    if (await this.#chain.read()) this.#changed();
    await this.#token.refresh();
  }

  /** A person gives the PIN for each document. */
  get #attended(): boolean {
    return this.#attends(this.#current()?.pair?.key);
  }

  #attends(key: TokenKey | undefined): boolean {
    const { kind, pin } = this.#config;
    return pin === undefined && (kind === 'individual' || key?.alwaysAuthenticate === true);
  }

  /** Of a card that waits for the PIN of each document. */
  #individual(): SigningKey | undefined {
    const { state } = this.#token;
    if (!this.#attended || state.kind !== 'waiting' || state.state === 'pin-locked') return undefined;
    const { visible } = state;
    const extra = this.#chain.certificates;
    const known = this.#once;
    if (known?.card.visible === visible && known.card.extra === extra && this.#problem(known.card.certificate) === undefined)
      return known.key;
    const certificate = foreseeCertificate(this.#config, visible.certificates, this.#fx.clock.now());
    if (certificate === undefined || this.#problem(certificate) !== undefined) return undefined;
    const card = this.#card(visible, certificate);
    const key = individualKey(card, this.#desk, this.#fx.clock);
    this.#once = { card, key };
    return key;
  }

  #card(visible: Visible, certificate: Certificate): CardKey {
    return { config: this.#config, token: this.#token, visible, certificate, extra: this.#chain.certificates };
  }

  key(): SigningKey | undefined {
    const individual = this.#individual();
    if (individual !== undefined) return individual;
    const view = this.#current();
    return view?.pair === undefined || this.#problem(view.pair.certificate) !== undefined ? undefined : view.key;
  }

  status(): KeyStatus {
    const { state, wrongPins, outlives } = this.#token;
    const view = this.#current();
    const certificate = this.#certificate();
    return keyStatus({
      name: this.name,
      state,
      wrongPins,
      outlives,
      certificate,
      problem: view?.error ?? (certificate === undefined ? undefined : this.#problem(certificate)),
      attended: this.#attended && state.kind !== 'away' && !(state.kind === 'waiting' && state.state === 'pin-locked'),
      waiting: this.#desk.waiting,
      chainError: this.#chain.error,
    });
  }

  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  async activate(pin: Buffer, document?: Buffer): Promise<void> {
    if (this.#attended) await this.#desk.give(pin, document);
    else await this.#token.activate(pin);
  }

  deactivate(): Promise<void> {
    return this.#token.deactivate();
  }

  async claim(requests: readonly { readonly request: string; readonly at: number }[]): Promise<ReadonlyMap<string, Claimed>> {
    const signer = this.#signer();
    const claims = [...(await this.#token.leftBehind.claim(requests))].flatMap(([request, claim]): [string, Claimed][] => {
      if (claim.kind === 'never') return [[request, claim]];
      return signer === undefined ? [] : [[request, { ...claim, signer }]];
    });
    return new Map(claims);
  }

  recorded(requests: readonly string[]): void {
    this.#token.leftBehind.recorded(requests);
  }

  /** Whose signatures these are, also while the card waits for its PIN. */
  #signer(): Pick<SigningKey, 'name' | 'chain' | 'keyType'> | undefined {
    const certificate = this.#certificate();
    return certificate === undefined ? undefined : signerOf(this.name, certificate, this.#own, this.#chain.certificates);
  }

  /** The one that is used, or will be after the PIN. */
  #certificate(): Certificate | undefined {
    return this.#current()?.pair?.certificate ?? foreseeCertificate(this.#config, this.#own, this.#fx.clock.now());
  }

  /** On the token. */
  get #own(): readonly TokenCertificate[] {
    const { state } = this.#token;
    return state.kind === 'away' ? [] : state.visible.certificates;
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    if (!this.#joined) return;
    this.#joined = false;
    await this.#token.close();
  }

  #problem(certificate: Certificate): SealError | undefined {
    return certificateProblem(certificate, this.#config, this.#fx.clock.now());
  }

  #changed(): void {
    this.#watchDates();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #current(): View | undefined {
    const { state } = this.#token;
    if (state.kind !== 'active') return undefined;
    const { activation, visible } = state;
    const extra = this.#chain.certificates;
    const known = this.#view;
    if (known?.activation === activation && known.visible === visible && known.extra === extra) return known;
    return (this.#view = { activation, visible, extra, ...this.#make(activation, visible) });
  }

  #make(activation: Activation, visible: Visible): Pick<View, 'pair' | 'key' | 'error'> {
    try {
      const pair = pairKey(this.#config, activation.keys, visible.certificates, this.#chain.certificates, this.#fx.clock.now());
      return { pair, key: this.#signingKey(activation, visible, pair) };
    } catch (thrown) {
      return { error: asSealError(thrown) };
    }
  }

  #signingKey(activation: Activation, visible: Visible, { key, certificate }: Pair): SigningKey {
    const card = this.#card(visible, certificate);
    return this.#attends(key) ? individualKey(card, this.#desk, this.#fx.clock) : unattendedKey(card, activation, key);
  }

  /** Tells the listeners when a certificate starts or stops being usable: then another one may be the one to use. */
  #watchDates(): void {
    this.#timer?.cancel();
    const now = this.#fx.clock.now();
    const next = nextCertificateChange(this.#current()?.pair?.candidates ?? [], this.#config, now);
    if (next === undefined) return;
    this.#timer = this.#fx.clock.after(next - now, () => {
      this.#view = undefined;
      this.#changed();
    });
  }
}
