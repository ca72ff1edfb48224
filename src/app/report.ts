import { addDays, instantOf, localDate, type LocalDate } from '../archive/local-time.ts';
import { SealError } from '../errors.ts';
import type { Totals } from '../ports/store.ts';
import type { App } from './context.ts';
import { isoTime } from './views.ts';

export interface PeriodReport extends Pick<Totals, 'documents' | 'batches' | 'signaturesByKey'> {
  /** Local dates, both inclusive. */
  readonly days: { readonly from: string; readonly to: string; readonly timezone: string };
  /** The same as instants, UTC; `to` is the first that no longer counts. */
  readonly from: string;
  readonly to: string;
  readonly evaluation: boolean;
  readonly timestamps: readonly { readonly tsa: string; readonly ok: number; readonly failed: number }[];
}

/**
 * `report`: batches claimed, signatures and timestamps made on the days `from` to `to`: local dates of the archive's time zone, inclusive;
 * default today. in = delivered + failed + waiting.
 * @throws SealError SEAL-USAGE
 */
export async function periodReport(
  { fx, config }: Pick<App, 'fx' | 'config'>,
  args: { readonly from?: string; readonly to?: string },
): Promise<PeriodReport> {
  const { timezone } = config.archive;
  const today = localDate(fx.clock.now(), timezone);
  const first = asDate(args.from ?? args.to ?? today);
  const last = asDate(args.to ?? first);
  if (last < first) throw new SealError('SEAL-USAGE', '--to lies before --from', { hint: 'both are dates such as 2026-11-22' });
  const from = instantOf(first, '00:00', timezone);
  const end = instantOf(addDays(last, 1), '00:00', timezone);
  const totals = await fx.store.totals({ from, to: end });
  return {
    days: { from: first, to: last, timezone },
    from: isoTime(from),
    to: isoTime(end),
    evaluation: config.evaluation !== undefined,
    documents: totals.documents,
    batches: totals.batches,
    signaturesByKey: totals.signaturesByKey,
    timestamps: await fx.store.timestampCounts(from, end),
  };
}

/** A day that the calendar has: 2026-02-30 is none. */
function asDate(text: string): LocalDate {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (!Number.isNaN(time) && isoTime(time).startsWith(text)) return text;
  throw new SealError('SEAL-USAGE', `“${text}” is not a date`, { hint: 'a date is written 2026-11-22' });
}
