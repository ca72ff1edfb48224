import { SealError } from '../errors.ts';

/** A local date, `YYYY-MM-DD`; compares as text. */
export type LocalDate = string;

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known) return known;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(timezone, format);
    return format;
  } catch (cause) {
    throw new SealError('SEAL-CONFIG-INVALID', `“${timezone}” is no time zone`, {
      where: 'archive.timezone',
      hint: 'write an IANA name like Europe/Berlin',
      cause,
    });
  }
}

/**
 * What the clocks on the wall show, written as if it were UTC: ms. Whole seconds.
 * @param instant UTC ms
 */
function wallClock(instant: number, timezone: string): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(timezone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day: date = 1, hour: hours = 0, minute: minutes = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, date, hours, minutes, second);
}

/** Local time minus UTC, ms. */
function offsetAt(instant: number, timezone: string): number {
  return wallClock(instant, timezone) - Math.floor(instant / 1000) * 1000;
}

/** The local date at an instant. @param instant UTC ms @param timezone IANA name @throws SealError SEAL-CONFIG-INVALID */
export function localDate(instant: number, timezone: string): LocalDate {
  return new Date(wallClock(instant, timezone)).toISOString().slice(0, 10);
}

/** Begin of the local day in which an instant lies. @param instant UTC ms @returns UTC ms */
export function startOfDay(instant: number, timezone: string): number {
  return instantOf(localDate(instant, timezone), '00:00', timezone);
}

/** Calendar arithmetic; knows no time zone. */
export function addDays(date: LocalDate, days: number): LocalDate {
  return new Date(Date.parse(date) + days * day).toISOString().slice(0, 10);
}

/**
 * The instant at which the clocks on the wall first show the time or a later one: a skipped hour gives the first instant after it, a
 * repeated hour its first pass.
 * @param time `HH:MM`
 * @returns UTC ms
 */
export function instantOf(date: LocalDate, time: string, timezone: string): number {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  if (Number.isNaN(wanted)) throw new SealError('SEAL-INTERNAL', `${date} ${time} is no local time`);
  // No zone changes twice within four days, and none is a whole day and a half away from UTC.
  const before = offsetAt(wanted - 2 * day, timezone);
  const after = offsetAt(wanted + 2 * day, timezone);
  const hits = [wanted - before, wanted - after].filter((instant) => wallClock(instant, timezone) === wanted);
  return hits.length > 0 ? Math.min(...hits) : transition(wanted - after, wanted - before, timezone);
}

/** The instant of the one change of offset between two instants, at the first of which the old offset still holds. */
function transition(from: number, to: number, timezone: string): number {
  const old = offsetAt(from, timezone);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle, timezone) === old) low = middle;
    else high = middle;
  }
  return high;
}
