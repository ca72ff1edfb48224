import { startOfDay } from '../archive/local-time.ts';
import { SealError } from '../errors.ts';
import { parseCertificate, summarize } from '../formats/x509.ts';
import type { KeyActivation, KeySource, KeyStatus, WaitingDocument } from '../ports/keys.ts';
import type { PoolView } from '../signer/sign.ts';
import type { App } from './context.ts';
import { forecastKeys, type KeyForecast, type Queue } from './key-forecast.ts';
import { signsStacks } from './key-stack.ts';
import { isoTime } from './views.ts';

/** A key as `key list` shows it. */
export interface KeyView extends Pick<
  KeyStatus,
  'name' | 'source' | 'reason' | 'error' | 'pinTriesLeft' | 'wrongPins' | 'reader' | 'pinPad' | 'token' | 'individual'
> {
  /** Of a card that is there; tries that no `pinTriesLeft` tells are unknown: modules report them badly. */
  readonly pin?: 'entered' | 'needed' | 'locked';
  /** `closed`: no daemon runs, so nobody has looked. */
  readonly state: KeyStatus['state'] | 'closed';
  readonly certificate?: {
    readonly subject: string;
    readonly issuer: string;
    readonly serialNumber: string;
    readonly notAfter: string;
    readonly daysLeft: number;
  };
  readonly activation?: {
    readonly since: string;
    readonly until?: string;
    readonly minutesLeft?: number;
    /** The documents that were shown before the PIN: it signs nothing else. */
    readonly stack?: StackProgress;
  };
  /** A PIN opens it for a list of documents only. */
  readonly stack?: true;
  /** Individual card: the document whose PIN is to be entered. */
  readonly waiting?: { readonly document: string; readonly sha256: string; readonly since: string };
  readonly signaturesLeft?: number;
  /** What lies ahead of it; absent where nobody knows what waits. */
  readonly forecast?: KeyForecast;
  readonly signaturesToday: number;
  readonly signatures: number;
  /** Signatures that may have been made without being recorded; they count. */
  readonly inDoubt: number;
  /** Signatures that a kill may have cut off in our own process: nobody has them, they do not count. */
  readonly discarded: number;
}

export interface StackProgress {
  readonly documents: number;
  /** Signatures that were made or may have been, like all that count against the key. */
  readonly signed: number;
  /** Those that it may still sign. */
  readonly left: number;
  /** Over the list, hexadecimal. */
  readonly sha256: string;
}

type Counted = 'signaturesToday' | 'signatures' | 'inDoubt' | 'discarded';

const hour = 3_600_000;
const day = 24 * hour;

/** `key list`: every configured key, its state and why. Looking opens no key and tries no PIN: without a daemon they are `closed`. */
export async function keyViews({ fx, config }: Pick<App, 'fx' | 'config'>): Promise<KeyView[]> {
  return await Promise.all(
    Object.values(config.keys).map(async ({ name, source }) => {
      const opened = fx.keys.find((key) => key.name === name);
      if (opened !== undefined) return await keyView({ fx, config }, opened);
      return {
        name,
        source,
        state: 'closed',
        reason: 'no daemon runs; “sealtree check” tries it',
        ...(await counts({ fx, config }, name)),
      } as const;
    }),
  );
}

/**
 * Keys with what their activations still allow, which the pool counts, and with what lies ahead of them.
 * @param queues documents that are not signed yet
 */
export async function keysAhead(app: Pick<App, 'fx' | 'config'>, pool: readonly PoolView[], queues: readonly Queue[]): Promise<KeyView[]> {
  const { clock, store } = app.fx;
  const now = clock.now();
  const keys = (await keyViews(app)).map((key) => withPool(key, pool));
  const lastHour = await Promise.all(
    keys.map(async ({ name }) => {
      const { signed, doubt } = await store.signatureCounts(name, now - hour);
      return [name, signed + doubt] as const;
    }),
  );
  const forecasts = forecastKeys(keys, queues, new Map(lastHour), now);
  return keys.map((key) => {
    const forecast = forecasts.get(key.name);
    return key.state === 'closed' || forecast === undefined ? key : { ...key, forecast };
  });
}

/** One key as `key list` shows it. */
export async function keyView({ fx, config }: Pick<App, 'fx' | 'config'>, source: KeySource): Promise<KeyView> {
  const { certificate, activation, waiting, ...status } = source.status();
  const now = fx.clock.now();
  return {
    ...status,
    ...pinState(status, activation !== undefined),
    ...(waiting === undefined ? {} : { waiting: describeWaiting(waiting) }),
    ...(certificate === undefined ? {} : { certificate: describe(certificate, now) }),
    ...(signsStacks(config.keys[source.name]) ? { stack: true as const } : {}),
    ...(activation === undefined
      ? {}
      : { activation: { ...describeActivation(activation, now), ...(await stackOf(fx, source.name, activation)) } }),
    ...(activation?.signaturesLeft === undefined ? {} : { signaturesLeft: activation.signaturesLeft }),
    ...(await counts({ fx, config }, source.name)),
  };
}

function describeWaiting({ name, digest, since }: WaitingDocument): NonNullable<KeyView['waiting']> {
  return { document: name, sha256: digest.toString('hex'), since: isoTime(since) };
}

function describeActivation({ since, until }: KeyActivation, now: number): NonNullable<KeyView['activation']> {
  const left = until === undefined ? {} : { until: isoTime(until), minutesLeft: Math.max(0, Math.floor((until - now) / 60_000)) };
  return { since: isoTime(since), ...left };
}

async function stackOf(
  { store }: Pick<App['fx'], 'store'>,
  name: string,
  { since }: KeyActivation,
): Promise<{ readonly stack?: StackProgress }> {
  const counts = await store.stackCounts(name, since);
  if (counts === undefined) return {};
  const { digest, ...numbers } = counts;
  return { stack: { ...numbers, sha256: digest.toString('hex') } };
}

function pinState({ source, state, reader }: Pick<KeyStatus, 'source' | 'state' | 'reader'>, active: boolean): Pick<KeyView, 'pin'> {
  if (source !== 'pkcs11' || reader === undefined) return {};
  return { pin: active ? 'entered' : state === 'pin-locked' ? 'locked' : 'needed' };
}

/** A key that signs lists needs no PIN while no document waits for it. */
export function isIdle({ stack, error, forecast }: Pick<KeyView, 'stack' | 'error' | 'forecast'>): boolean {
  return stack === true && error?.code === 'SEAL-KEY-PIN-NEEDED' && forecast?.documentsWaiting === 0;
}

/** What only the pool knows: what an activation still allows, and that a key rests after a failure. */
export function withPool(key: KeyView, pool: readonly PoolView[]): KeyView {
  const view = pool.find((own) => own.key === key.name);
  if (view === undefined) return key;
  const { signaturesLeft, rest } = view;
  return {
    ...key,
    ...(signaturesLeft === undefined ? {} : { signaturesLeft }),
    ...(rest === undefined || key.state !== 'ready' ? {} : { state: 'resting' as const, reason: rest.message, error: rest }),
  };
}

async function counts({ fx, config }: Pick<App, 'fx' | 'config'>, name: string): Promise<Pick<KeyView, Counted>> {
  const now = fx.clock.now();
  const [today, ever] = await Promise.all([
    fx.store.signatureCounts(name, startOfDay(now, config.archive.timezone)),
    fx.store.signatureCounts(name, 0),
  ]);
  return {
    signaturesToday: today.signed + today.doubt + today.open,
    signatures: ever.signed + ever.doubt + ever.open,
    inDoubt: ever.doubt,
    discarded: ever.discarded,
  };
}

function describe(der: Buffer, now: number): NonNullable<KeyView['certificate']> {
  const certificate = parseCertificate(der);
  const { subject, issuer, serialNumber, notAfter } = summarize(certificate);
  return { subject, issuer, serialNumber, notAfter, daysLeft: Math.floor((certificate.notAfter - now) / day) };
}

/** @throws SealError SEAL-KEY-UNKNOWN */
export function keySource({ fx }: Pick<App, 'fx'>, name: string): KeySource {
  const source = fx.keys.find((key) => key.name === name);
  if (source !== undefined) return source;
  throw new SealError('SEAL-KEY-UNKNOWN', `no key is called “${name}”`, {
    hint: `keys are ${fx.keys.map((key) => key.name).join(', ') || 'not configured'}`,
  });
}
