import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SealError, asSealError } from '../../../errors.ts';
import { readPem } from '../../../formats/pem.ts';
import { certificateProblem, nextCertificateChange } from '../certificate.ts';
import { orderChain } from '../chain.ts';
import { cardId } from './host.ts';
import { SigningDesk } from './desk.ts';
import { individualKey, type IndividualCard } from './individual.ts';
import { mechanismFor } from './mechanisms.ts';
import { foreseeCertificate, pairKey } from './pairing.ts';
import { Readers } from './readers.ts';
import { Token } from './token.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { SignatureAlgorithm } from '../../../model/algorithms.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { Timer } from '../../../ports/clock.ts';
import type { Claimed, KeySource, KeyStatus, SigningKey, WaitingDocument } from '../../../ports/keys.ts';
import type { KeyEffects } from '../effects.ts';
import type { Pair } from './pairing.ts';
import type { Activation, Visible } from './state.ts';
import type { TokenConfig } from './token.ts';

const maxBytes = 2 ** 22;
const longestTimer = 20 * 86_400_000;
const longestChunk = 64;

/** Keys on PKCS#11 tokens; keys of one token share its card process and its activation. */
export function pkcs11Sources(configs: readonly Pkcs11KeyConfig[], fx: KeyEffects): KeySource[] {
  const tokens = new Map<string, Token>();
  const readers = new Map<string, Readers>();
  return configs.map((config) => {
    const id = cardId(config);
    const token =
      tokens.get(id) ??
      new Token(
        tokenConfig(
          configs.filter((other) => cardId(other) === id),
          config,
        ),
        readersOf(config, readers, fx),
        fx,
      );
    tokens.set(id, token);
    return new Pkcs11Source(config, token, fx);
  });
}

function moduleId({ module, environment }: Pkcs11KeyConfig): string {
  return JSON.stringify([module, Object.entries(environment).sort()]);
}

function readersOf(config: Pkcs11KeyConfig, made: Map<string, Readers>, fx: KeyEffects): Readers {
  const { module, environment, timeout } = config;
  const readers = made.get(moduleId(config)) ?? new Readers({ name: basename(module), module, environment, timeout }, fx);
  made.set(moduleId(config), readers);
  return readers;
}

/** The most careful of what the keys of a token say. */
function tokenConfig(keys: readonly Pkcs11KeyConfig[], first: Pkcs11KeyConfig): TokenConfig {
  const { name, module, token, environment, certificate, key, keyUsage, minRemaining } = first;
  const pin = keys.find((key) => key.pin !== undefined)?.pin;
  const times = keys.flatMap(({ maxTime }) => (maxTime === undefined ? [] : [maxTime]));
  return {
    name,
    module,
    token,
    key,
    keyUsage,
    minRemaining,
    environment,
    sessions: Math.max(...keys.map(({ sessions }) => sessions)),
    timeout: Math.max(...keys.map(({ timeout }) => timeout)),
    keepAlive: Math.min(...keys.map((each) => each.keepAlive)),
    ...(certificate === undefined ? {} : { certificate }),
    ...(pin === undefined ? {} : { pin }),
    ...(times.length === 0 ? {} : { maxTime: Math.min(...times) }),
  };
}

/** What an activation and the certificates at hand give this key: the pair, or why there is none. */
interface View {
  readonly activation: Activation;
  readonly visible: Visible;
  readonly pair?: Pair;
  readonly key?: SigningKey;
  readonly error?: SealError;
}

class Pkcs11Source implements KeySource {
  readonly name: string;
  readonly #config: Pkcs11KeyConfig;
  readonly #token: Token;
  readonly #fx: KeyEffects;
  readonly #listeners: (() => void)[] = [];
  #extra: readonly Buffer[] = [];
  #extraError: SealError | undefined;
  #view: View | undefined;
  #joined = false;
  #timer: Timer | undefined;
  readonly #desk: SigningDesk;
  #once: { readonly visible: Visible; readonly key: SigningKey } | undefined;

  constructor(config: Pkcs11KeyConfig, token: Token, fx: KeyEffects) {
    this.#desk = new SigningDesk(config.name, fx.clock, () => {
      this.#tell();
    });
    this.name = config.name;
    this.#config = config;
    this.#token = token;
    this.#fx = fx;
    token.onChange(() => {
      this.#changed();
    });
  }

  async open(): Promise<void> {
    if (!this.#joined) this.#token.join();
    this.#joined = true;
    await this.#readChain();
    await this.#token.open();
  }

  async refresh(): Promise<void> {
    if (await this.#readChain()) this.#changed();
    await this.#token.refresh();
  }

  /** @returns whether the files hold something else than before; what cannot be read leaves what was read earlier */
  async #readChain(): Promise<boolean> {
    try {
      const files = await Promise.all(this.#config.chain.map(async (path) => readPem(await this.#fx.files.read(path, maxBytes))));
      const extra = files.flat();
      const changed = !isDeepStrictEqual(extra, this.#extra);
      if (changed) this.#view = undefined;
      this.#extra = extra;
      this.#extraError = undefined;
      return changed;
    } catch (thrown) {
      const error = asSealError(thrown);
      if (this.#extraError?.message !== error.message)
        this.#fx.log.warn({ key: this.name, error: error.toJSON() }, 'certificates of “chain:” cannot be read');
      this.#extraError = error;
      return false;
    }
  }

  /** A person gives the PIN for each document. */
  get #attended(): boolean {
    const { kind, pin } = this.#config;
    const { state } = this.#token;
    const always = state.kind === 'active' && this.#view?.pair?.key.alwaysAuthenticate === true;
    return pin === undefined && (kind === 'individual' || always);
  }

  /** Of a card that waits for the PIN of each document. */
  #individual(): SigningKey | undefined {
    const { state } = this.#token;
    if (!this.#attended || state.kind !== 'waiting' || state.state === 'pin-locked') return undefined;
    const { visible } = state;
    if (this.#once?.visible === visible) return this.#once.key;
    const certificate = foreseeCertificate(this.#config, visible.certificates, this.#fx.clock.now());
    if (certificate === undefined || this.#problem(certificate) !== undefined) return undefined;
    const key = individualKey({ ...this.#parts(visible), certificate });
    this.#once = { visible, key };
    return key;
  }

  #parts(visible: Visible): Omit<IndividualCard, 'certificate'> {
    const { clock } = this.#fx;
    return { config: this.#config, token: this.#token, desk: this.#desk, visible, extra: this.#extra, now: () => clock.now() };
  }

  key(): SigningKey | undefined {
    const individual = this.#individual();
    if (individual !== undefined) return individual;
    const view = this.#current();
    return view?.pair === undefined || this.#problem(view.pair.certificate) !== undefined ? undefined : view.key;
  }

  status(): KeyStatus {
    const state = this.#token.state;
    const visible = state.kind === 'away' ? undefined : state.visible;
    const view = this.#current();
    const certificate = view?.pair?.certificate ?? foreseeCertificate(this.#config, visible?.certificates ?? [], this.#fx.clock.now());
    const problem = view?.error ?? (certificate === undefined ? undefined : this.#problem(certificate));
    const attended = this.#attended && state.kind !== 'away' && !(state.kind === 'waiting' && state.state === 'pin-locked');
    const asked = attended ? waitingError(this.name, this.#desk.waiting) : undefined;
    const open = state.kind === 'active' || attended;
    const error = problem ?? asked ?? (open ? undefined : state.error) ?? this.#extraError;
    return {
      name: this.name,
      source: 'pkcs11',
      state: problem !== undefined ? 'unusable' : asked !== undefined ? 'pin-needed' : open ? 'ready' : state.state,
      ...(attended ? { individual: true as const } : {}),
      ...(this.#desk.waiting === undefined ? {} : { waiting: this.#desk.waiting }),
      ...(error === undefined ? {} : { reason: error.message, error: error.toJSON() }),
      ...(certificate === undefined ? {} : { certificate: certificate.der }),
      ...(visible === undefined ? {} : describe(visible, this.#token.wrongPins)),
      ...(state.kind === 'active' ? { activation: { ...activationStatus(state.activation), outlives: this.#token.outlives } } : {}),
    };
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
    const claims = [...(await this.#token.claim(requests))].flatMap(([request, claim]): [string, Claimed][] => {
      if (claim.kind === 'never') return [[request, claim]];
      return signer === undefined ? [] : [[request, { ...claim, signer }]];
    });
    return new Map(claims);
  }

  recorded(requests: readonly string[]): void {
    this.#token.recorded(requests);
  }

  /** Whose signatures these are, also while the card waits for its PIN. */
  #signer(): Pick<SigningKey, 'name' | 'chain' | 'keyType'> | undefined {
    const { state } = this.#token;
    const own = state.kind === 'away' ? [] : state.visible.certificates;
    const certificate = this.#current()?.pair?.certificate ?? foreseeCertificate(this.#config, own, this.#fx.clock.now());
    if (certificate === undefined) return undefined;
    const chain = orderChain(certificate, [...own.map(({ der }) => der), ...this.#extra]);
    return { name: this.name, chain, keyType: certificate.keyType() };
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
    const state = this.#token.state;
    if (state.kind !== 'active') return undefined;
    const view = this.#view;
    if (view?.activation !== state.activation || view.visible !== state.visible) this.#view = this.#make(state.activation, state.visible);
    return this.#view;
  }

  #make(activation: Activation, visible: Visible): View {
    try {
      const pair = pairKey(this.#config, activation.keys, visible.certificates, this.#extra, this.#fx.clock.now());
      return { activation, visible, pair, key: this.#signingKey(activation, visible, pair) };
    } catch (thrown) {
      return { activation, visible, error: asSealError(thrown) };
    }
  }

  #signingKey(activation: Activation, visible: Visible, { key, certificate }: Pair): SigningKey {
    const config = this.#config;
    const keyType = certificate.keyType();
    const individual = config.kind === 'individual' || key.alwaysAuthenticate;
    if (individual && config.pin === undefined) return individualKey({ ...this.#parts(visible), certificate });
    const counted = individual || config.maxSignatures !== undefined || config.sessions === 1;
    const mechanism = (algorithm: SignatureAlgorithm): ReturnType<typeof mechanismFor> =>
      mechanismFor(keyType, algorithm, visible.mechanisms);
    return {
      name: config.name,
      chain: orderChain(certificate, [...visible.certificates.map(({ der }) => der), ...this.#extra]),
      keyType,
      concurrency: individual ? 1 : config.sessions,
      ...(individual ? {} : { queues: true as const }),
      chunk: counted ? 1 : Math.min(longestChunk, config.sessions * 8),
      supports: (algorithm) => mechanism(algorithm) !== undefined,
      sign: async (data, algorithm, { signal, request } = {}) => {
        signal?.throwIfAborted();
        const how = mechanism(algorithm);
        if (how === undefined) throw noMechanism(config.name, algorithm);
        const asked = { key: key.handle, mechanism: how.call, input: how.input(data), ...(request === undefined ? {} : { request }) };
        return how.output(await this.#token.sign(activation, asked, individual));
      },
    };
  }

  /** Tells the listeners when a certificate starts or stops being usable: then another one may be the one to use. */
  #watchDates(): void {
    this.#timer?.cancel();
    const now = this.#fx.clock.now();
    const next = nextCertificateChange(this.#current()?.pair?.candidates ?? [], this.#config, now);
    if (next === undefined) return;
    this.#timer = this.#fx.clock.after(Math.min(next - now, longestTimer), () => {
      this.#view = undefined;
      this.#changed();
    });
  }
}

function describe({ view }: Visible, wrongPins: number): Pick<KeyStatus, 'reader' | 'token' | 'pinTriesLeft' | 'wrongPins'> {
  return {
    reader: view.reader,
    token: { label: view.label, serial: view.serial },
    ...(wrongPins === 0 ? {} : { wrongPins }),
    ...(view.pin === 'locked' ? { pinTriesLeft: 0 } : view.pin === 'last-try' ? { pinTriesLeft: 1 } : {}),
  };
}

function waitingError(name: string, waiting: WaitingDocument | undefined): SealError | undefined {
  if (waiting === undefined) return undefined;
  return new SealError('SEAL-KEY-PIN-NEEDED', `${name}: “${waiting.name}” waits for its PIN (SHA-256 ${waiting.digest.toString('hex')})`, {
    where: name,
    hint: `“sealtree key activate ${name}” shows it again and asks for the PIN`,
  });
}

function activationStatus({ since, until }: Activation): NonNullable<KeyStatus['activation']> {
  return { since, ...(until === undefined ? {} : { until }) };
}

function noMechanism(name: string, { digest, padding }: SignatureAlgorithm): SealError {
  return new SealError(
    'SEAL-KEY-MECHANISM',
    `${name}: the token offers no mechanism for ${[digest, padding].filter(Boolean).join(' with ')}`,
    {
      where: name,
      hint: 'choose another digest or padding in the profile, or another key',
    },
  );
}
