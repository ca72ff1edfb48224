import { SealError } from '../errors.ts';
import type { Totals } from '../ports/store.ts';
import type { App } from './context.ts';
import { isoTime } from './views.ts';

export interface PeriodReport extends Pick<Totals, 'documents' | 'batches' | 'signaturesByKey'> {
  readonly from: string;
  readonly to: string;
  readonly evaluation: boolean;
  readonly timestamps: readonly { readonly tsa: string; readonly ok: number; readonly failed: number }[];
}

const day = 86_400_000;

/** `report`: batches claimed on the days `from` to `to` (UTC dates, inclusive; default today). in = delivered + failed + waiting. */
export async function periodReport(
  { fx, config }: Pick<App, 'fx' | 'config'>,
  args: { readonly from?: string; readonly to?: string },
): Promise<PeriodReport> {
  const today = isoTime(fx.clock.now()).slice(0, 10);
  const from = startOf(args.from ?? today);
  const end = startOf(args.to ?? args.from ?? today) + day;
  if (end <= from) throw new SealError('SEAL-USAGE', '--to lies before --from', { hint: 'both are dates such as 2026-11-22' });
  const totals = await fx.store.totals(from, end);
  return {
    from: isoTime(from),
    to: isoTime(end),
    evaluation: config.evaluation !== undefined,
    documents: totals.documents,
    batches: totals.batches,
    signaturesByKey: totals.signaturesByKey,
    timestamps: await fx.store.timestampCounts(from),
  };
}

function startOf(date: string): number {
  const time = /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : NaN;
  if (Number.isNaN(time)) throw new SealError('SEAL-USAGE', `“${date}” is not a date`, { hint: 'a date is written 2026-11-22' });
  return time;
}
