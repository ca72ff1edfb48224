import type { Batch } from '../model/batch.ts';
import { isoTime } from './views.ts';

const hour = 3_600_000;

/** What lies ahead of a key at the present queue. */
export interface KeyForecast {
  /** Documents that wait for it: its share where several keys sign for a batch. */
  readonly documentsWaiting: number;
  readonly signaturesLastHour: number;
  /** UTC, ISO 8601: when this activation will have ended, by number or by time, with documents still waiting. Absent: not at this queue. */
  readonly usedUpAt?: string;
}

/** What a forecast is made from. */
interface ForecastKey {
  readonly name: string;
  readonly state: string;
  readonly signaturesLeft?: number;
  readonly activation?: { readonly until?: string };
  readonly forecast?: KeyForecast;
}

/** Documents that are not signed yet, by the keys that may sign them. */
export interface Queue {
  readonly keys: readonly string[];
  readonly documents: number;
}

/** @param unsigned documents of each batch that no key has signed yet */
export function queuesOf(unfinished: readonly Batch[], unsigned: ReadonlyMap<string, number>): Queue[] {
  const queues = new Map<string, { readonly keys: readonly string[]; documents: number }>();
  for (const { id, keys } of unfinished) {
    const documents = unsigned.get(id) ?? 0;
    if (documents === 0 || keys.length === 0) continue;
    const name = [...keys].sort().join(' ');
    const queue = queues.get(name) ?? { keys, documents: 0 };
    queue.documents += documents;
    queues.set(name, queue);
  }
  return [...queues.values()];
}

/**
 * Forecasts for all keys: a queue is shared among the keys that sign now, by what each signed in the last hour.
 * @param lastHour signatures of each key @param now UTC ms
 */
export function forecastKeys(
  keys: readonly ForecastKey[],
  queues: readonly Queue[],
  lastHour: ReadonlyMap<string, number>,
  now: number,
): ReadonlyMap<string, KeyForecast> {
  const waiting = new Map<string, number>();
  for (const queue of queues) {
    const own = keys.filter(({ name }) => queue.keys.includes(name));
    const signing = own.filter(({ state }) => state === 'ready');
    const sharing = signing.length > 0 ? signing : own;
    const weights = sharing.map(({ name }) => (lastHour.get(name) ?? 0) + 1);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    sharing.forEach(({ name }, index) => {
      waiting.set(name, (waiting.get(name) ?? 0) + (queue.documents * (weights[index] ?? 0)) / total);
    });
  }
  return new Map(
    keys.map((key) => {
      const documentsWaiting = Math.ceil(waiting.get(key.name) ?? 0);
      const signaturesLastHour = lastHour.get(key.name) ?? 0;
      const end = usedUp(key, documentsWaiting, signaturesLastHour, now);
      return [key.name, { documentsWaiting, signaturesLastHour, ...(end === undefined ? {} : { usedUpAt: isoTime(end) }) }];
    }),
  );
}

/** UTC ms when an activation ends before its queue does; undefined: it does not, or nobody knows. */
function usedUp({ state, signaturesLeft, activation }: ForecastKey, waiting: number, perHour: number, now: number): number | undefined {
  if (state !== 'ready' || waiting === 0) return undefined;
  const after = (signatures: number): number => (perHour === 0 ? Infinity : now + (signatures / perHour) * hour);
  const byNumber = signaturesLeft !== undefined && signaturesLeft < waiting ? after(signaturesLeft) : Infinity;
  const until = activation?.until === undefined ? Infinity : Date.parse(activation.until);
  const byTime = until < after(waiting) && perHour > 0 ? until : Infinity;
  const end = Math.min(byNumber, byTime);
  return end === Infinity ? undefined : end;
}

/** Queues that are longer than what the activations of their keys allow, one sentence each. */
export function exhaustion(keys: readonly ForecastKey[], queues: readonly Queue[]): string[] {
  return queues.flatMap(({ keys: names, documents }) => {
    const usable = keys.filter(({ name, state }) => names.includes(name) && state === 'ready');
    if (usable.length === 0 || usable.some(({ signaturesLeft }) => signaturesLeft === undefined)) return [];
    const left = usable.reduce((sum, { signaturesLeft = 0 }) => sum + signaturesLeft, 0);
    if (left >= documents) return [];
    const last = usable
      .flatMap(({ forecast }) => forecast?.usedUpAt ?? [])
      .sort()
      .at(-1);
    const when = last === undefined ? '' : `, used up about ${last}`;
    return [`${names.join(', ')}: ${left} signatures left for ${documents} documents that wait${when}; have the PIN at hand`];
  });
}
