import type { Condition } from './conditions.ts';

/** What was told of a subject last. */
export interface Told {
  /** UTC ms. */
  readonly at: number;
  readonly mark: string;
  /** The condition has ended since. */
  readonly ended?: true;
}

/** By event and subject. */
export type Ledger = ReadonlyMap<string, Told>;

/** Between two messages about the same event and subject, ms. */
const pause = 3_600_000;

export function nameOf({ event, subject }: Pick<Condition, 'event' | 'subject'>): string {
  return `${event} ${subject}`;
}

/**
 * What is to be told now: what is new, or has changed or come back, an hour after the last word about it at the earliest. Pure.
 * @param now UTC ms
 * @returns the conditions, and the ledger once they are told
 */
export function toTell(
  conditions: readonly Condition[],
  ledger: Ledger,
  now: number,
): { readonly due: Condition[]; readonly ledger: Ledger } {
  const lasting = new Set(conditions.map(nameOf));
  const next = new Map<string, Told>();
  for (const [name, told] of ledger) {
    if (lasting.has(name)) next.set(name, told);
    else if (recent(told, now)) next.set(name, { ...told, ended: true });
  }
  const due = conditions.filter((condition) => {
    const told = ledger.get(nameOf(condition));
    if (told === undefined) return true;
    return (told.mark !== condition.mark || told.ended === true) && !recent(told, now);
  });
  for (const condition of due) next.set(nameOf(condition), { at: now, mark: condition.mark });
  return { due, ledger: next };
}

/** A clock that was set back does not silence it. */
function recent({ at }: Told, now: number): boolean {
  return at <= now && now - at < pause;
}
