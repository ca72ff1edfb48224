import { SealError, asSealError } from '../errors.ts';
import type { TsaConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { Timestamp, TimestampRequest } from '../ports/tsa.ts';

/** What choosing needs to know of an authority; a `TsaConfig` is one. */
export type TsaChoice = Pick<TsaConfig, 'name' | 'digest' | 'quota'>;

/** `signature` leaves `quota.reserve` untouched; `closing` may use it. */
export type TimestampPurpose = 'signature' | 'closing';

export interface TimestampOptions {
  readonly purpose: TimestampPurpose;
  readonly signal?: AbortSignal;
  /**
   * Authority → monotonic ms until which it is asked only after the others, because it failed a moment ago. Kept by the caller, written here: a
   * batch of ten thousand must not wait ten thousand times for an authority that is down.
   */
  readonly resting?: Map<string, number>;
}

const restMs = 60_000;
const warnAt = [50, 80, 90, 100] as const;

/**
 * The first timestamp that can be had and believed, from the authorities in their order: the next on failure, refusal, an answer that
 * does not check, or a used-up quota. Every attempt is counted in the store. Each authority is asked once.
 * @param request the imprint, or what makes it with the digest the authority wants
 * @throws SealError SEAL-TSA-QUOTA when every quota is used up, the only failure when there was one, else SEAL-TSA-UNAVAILABLE naming all;
 *   the signal's reason when aborted
 */
export async function firstTimestamp(
  fx: Pick<Effects, 'clock' | 'log' | 'store' | 'tsas'>,
  tsas: readonly TsaChoice[],
  request: TimestampRequest | ((tsa: TsaChoice) => TimestampRequest),
  options: TimestampOptions,
): Promise<Timestamp> {
  const failures: SealError[] = [];
  for (const tsa of restedFirst(tsas, options.resting, fx.clock.monotonic())) {
    options.signal?.throwIfAborted();
    try {
      const used = await quotaUsed(fx, tsa);
      if (tsa.quota !== undefined && used >= quotaLimit(tsa.quota, options.purpose)) throw quotaError(tsa, used, options.purpose);
      const timestamp = await countedTimestamp(fx, tsa.name, typeof request === 'function' ? request(tsa) : request, options.signal);
      options.resting?.delete(tsa.name);
      warnOfQuota(fx, tsa, used);
      return timestamp;
    } catch (thrown) {
      options.signal?.throwIfAborted();
      const error = asSealError(thrown);
      if (!error.code.startsWith('SEAL-TSA-')) throw error;
      fx.log.warn({ tsa: tsa.name, code: error.code, error: error.message }, 'timestamp authority passed over');
      options.resting?.set(tsa.name, fx.clock.monotonic() + restMs);
      failures.push(error);
    }
  }
  throw summary(failures);
}

/** The configured order, but those that failed a moment ago last. */
export function restedFirst<T extends { readonly name: string }>(
  tsas: readonly T[],
  resting: ReadonlyMap<string, number> | undefined,
  monotonic: number,
): readonly T[] {
  const rests = (tsa: T): boolean => (resting?.get(tsa.name) ?? 0) > monotonic;
  return [...tsas.filter((tsa) => !rests(tsa)), ...tsas.filter(rests)];
}

/** How many timestamps may be taken for a purpose: the reserve is there for closing the trees. */
function quotaLimit(quota: NonNullable<TsaChoice['quota']>, purpose: TimestampPurpose): number {
  return purpose === 'closing' ? quota.count : Math.max(0, quota.count - quota.reserve);
}

/** Begin of the period a quota counts in, UTC ms. */
export function quotaStart(per: 'day' | 'month' | 'year', now: number): number {
  const date = new Date(now);
  const month = per === 'year' ? 0 : date.getUTCMonth();
  return Date.UTC(date.getUTCFullYear(), month, per === 'day' ? date.getUTCDate() : 1);
}

async function quotaUsed(fx: Pick<Effects, 'clock' | 'store'>, tsa: TsaChoice): Promise<number> {
  if (tsa.quota === undefined) return 0;
  const counts = await fx.store.timestampCounts(quotaStart(tsa.quota.per, fx.clock.now()));
  return counts.find((row) => row.tsa === tsa.name)?.ok ?? 0;
}

/**
 * A timestamp of one authority, counted whether it was had or not.
 * @throws SealError SEAL-TSA-*; the signal's reason when aborted
 */
export async function countedTimestamp(
  fx: Pick<Effects, 'clock' | 'store' | 'tsas'>,
  name: string,
  request: TimestampRequest,
  signal: AbortSignal | undefined,
): Promise<Timestamp> {
  const authority = fx.tsas.get(name);
  if (authority === undefined)
    throw new SealError('SEAL-TSA-UNAVAILABLE', `no timestamp authority “${name}” is configured`, { hint: `add it under “tsas:”` });
  let certificate: Buffer | undefined;
  try {
    const timestamp = await authority.timestamp(request, signal);
    certificate = timestamp.certificate;
    return timestamp;
  } finally {
    await fx.store.countTimestamp(name, fx.clock.now(), certificate);
  }
}

function warnOfQuota(fx: Pick<Effects, 'log'>, tsa: TsaChoice, usedBefore: number): void {
  if (tsa.quota === undefined) return;
  const { count, per } = tsa.quota;
  const passed = warnAt.filter((percent) => (usedBefore + 1) * 100 >= count * percent && usedBefore * 100 < count * percent).at(-1);
  if (passed !== undefined)
    fx.log.warn({ tsa: tsa.name, used: usedBefore + 1, quota: count, per }, `${passed} % of the timestamps of this ${per} are used`);
}

function quotaError(tsa: TsaChoice, used: number, purpose: TimestampPurpose): SealError {
  const { count = 0, per = 'day', reserve = 0 } = tsa.quota ?? {};
  const kept = purpose === 'signature' && reserve > 0 ? `, ${reserve} of them kept for closing` : '';
  return new SealError('SEAL-TSA-QUOTA', `${tsa.name}: ${used} of ${count} timestamps of this ${per} are used${kept}`, {
    where: tsa.name,
    hint: `order more, raise “quota” of this TSA, or name a second one; it goes on by itself with the next ${per}`,
  });
}

function summary(failures: readonly SealError[]): SealError {
  const [only] = failures;
  if (only === undefined)
    return new SealError('SEAL-TSA-UNAVAILABLE', 'no timestamp authority is named', {
      hint: 'name one under “tsas:” of the profile or the archive',
    });
  if (failures.length === 1) return only;
  const quota = failures.every((failure) => failure.code === 'SEAL-TSA-QUOTA');
  return new SealError(quota ? 'SEAL-TSA-QUOTA' : 'SEAL-TSA-UNAVAILABLE', failures.map((failure) => failure.message).join('; '), {
    hint: only.hint ?? 'look at each authority with “sealtree check”',
    cause: new AggregateError(failures),
  });
}
