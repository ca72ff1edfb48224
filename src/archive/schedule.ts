import { addDays, instantOf, localDate, type LocalDate } from './local-time.ts';
import type { ArchiveConfig } from '../model/config.ts';
import type { Tree } from '../model/archive.ts';

export type ScheduleSettings = Pick<ArchiveConfig, 'timezone' | 'closeAt' | 'closing' | 'digest'>;
type Calendar = Pick<ArchiveConfig, 'timezone' | 'closeAt'>;

/** What the database knows; what is due is computed from it each minute, so a timer that never fired costs nothing. */
export interface ScheduleState {
  /** UTC ms. */
  readonly now: number;
  /** When the archive was first run, UTC ms: days before it are not its own. */
  readonly began: number;
  /** Local date recorded last. */
  readonly lastDay?: LocalDate;
  readonly open?: Pick<Tree, 'openedAt' | 'leaves' | 'digest'>;
}

export type SealReason = 'daily' | 'batch' | 'every' | 'leaves' | 'digest-changed' | 'clock-went-back';

export interface Due {
  /** Why the open tree must be sealed now. */
  readonly seal?: SealReason;
  /** Local dates that have ended and are not recorded, oldest first. */
  readonly days: readonly LocalDate[];
  /** UTC ms of the next daily closing: a hint for timers and `status`. */
  readonly nextClosing: number;
}

/** A tree opened that far in the future was opened while the clock was wrong. */
const clockTolerance = 60 * 60_000;
/** Days recorded in one go: a clock that says 2099 must not fill the database. */
const maxDays = 400;

/** What is due now. Pure: the same state gives the same answer, however often and however late it is asked. */
export function whatIsDue(archive: ScheduleSettings, state: ScheduleState): Due {
  const seal = sealReason(archive, state);
  return {
    ...(seal === undefined ? {} : { seal }),
    days: daysDue(archive, state),
    nextClosing: closingOf(dayAt(archive, state.now), archive),
  };
}

function sealReason(archive: ScheduleSettings, { now, open }: ScheduleState): SealReason | undefined {
  if (open === undefined || open.leaves === 0) return undefined;
  if (open.openedAt > now + clockTolerance) return 'clock-went-back';
  const { closing } = archive;
  if (open.digest !== archive.digest) return 'digest-changed';
  if (closing.kind === 'batch') return 'batch';
  if (closing.kind === 'leaves' && open.leaves >= closing.count) return 'leaves';
  if (closing.kind === 'every' && now - open.openedAt >= closing.ms) return 'every';
  return closingOf(dayAt(archive, open.openedAt), archive) <= now ? 'daily' : undefined;
}

function daysDue(calendar: Calendar, { now, began, lastDay }: ScheduleState): LocalDate[] {
  const days: LocalDate[] = [];
  let date = lastDay === undefined ? dayAt(calendar, Math.min(began, now)) : nextDay(lastDay, calendar.timezone);
  while (days.length < maxDays && closingOf(date, calendar) <= now) {
    days.push(date);
    date = nextDay(date, calendar.timezone);
  }
  return days;
}

/**
 * When a day ends: at `closeAt` of its date; `00:00` means the midnight at its end.
 * @returns UTC ms
 */
export function closingOf(date: LocalDate, { timezone, closeAt }: Calendar): number {
  return closeAt === '00:00' ? instantOf(addDays(date, 1), '00:00', timezone) : instantOf(date, closeAt, timezone);
}

/** The day in which an instant lies: the one whose closing comes next. @param instant UTC ms */
export function dayAt(calendar: Calendar, instant: number): LocalDate {
  let date = addDays(localDate(instant, calendar.timezone), -1);
  while (!exists(date, calendar.timezone) || closingOf(date, calendar) <= instant) date = addDays(date, 1);
  return date;
}

/** The date that follows; one that the zone left out (Samoa had no 30 December 2011) is no day. */
function nextDay(date: LocalDate, timezone: string): LocalDate {
  const next = addDays(date, 1);
  return exists(next, timezone) ? next : nextDay(next, timezone);
}

function exists(date: LocalDate, timezone: string): boolean {
  return localDate(instantOf(date, '00:00', timezone), timezone) === date;
}
