import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addDays, instantOf, localDate } from '../../src/archive/local-time.ts';
import { closingOf, dayAt, whatIsDue, type ScheduleSettings, type ScheduleState } from '../../src/archive/schedule.ts';
import type { ClosingRule } from '../../src/model/config.ts';

const utc = (text: string): number => Date.parse(text);
const iso = (instant: number): string => new Date(instant).toISOString();
const calendar = (timezone: string, closeAt: string, closing: ClosingRule = { kind: 'daily' }): ScheduleSettings => ({
  timezone,
  closeAt,
  closing,
  digest: 'sha256',
});
const tree = (openedAt: number, leaves: number, digest: 'sha256' | 'sha512' = 'sha256') => ({ openedAt, leaves, digest });
const berlin = calendar('Europe/Berlin', '18:00');

void test('a local time is an instant: skipped hours end at the first instant after them, repeated ones are taken once', () => {
  const cases: [date: string, time: string, zone: string, instant: string][] = [
    ['2026-11-22', '18:00', 'Europe/Berlin', '2026-11-22T17:00:00.000Z'],
    ['2026-07-01', '18:00', 'Europe/Berlin', '2026-07-01T16:00:00.000Z'],
    ['2026-03-29', '02:30', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'], // skipped
    ['2026-03-29', '02:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29', '03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25', '02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'], // twice: the first
    ['2026-10-25', '03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
    ['2026-10-04', '02:15', 'Australia/Lord_Howe', '2026-10-03T15:30:00.000Z'], // half an hour skipped
    ['2026-04-05', '01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000Z'], // half an hour twice
    ['2026-01-01', '00:00', 'Asia/Kathmandu', '2025-12-31T18:15:00.000Z'],
    ['2018-11-04', '00:00', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z'], // midnight skipped
    ['2011-12-30', '12:00', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'], // the whole day skipped
    ['2011-12-31', '00:00', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
    ['2026-06-01', '12:00', 'UTC', '2026-06-01T12:00:00.000Z'],
  ];
  for (const [date, time, zone, instant] of cases) assert.equal(iso(instantOf(date, time, zone)), instant, `${date} ${time} ${zone}`);
});

void test('a time zone nobody knows is a configuration error with a hint', () => {
  assert.throws(() => localDate(0, 'Europe/Bonn'), { code: 'SEAL-CONFIG-INVALID' });
});

void test('a day ends at closeAt of its date, and 00:00 is the midnight at its end', () => {
  assert.equal(iso(closingOf('2026-11-22', berlin)), '2026-11-22T17:00:00.000Z');
  assert.equal(iso(closingOf('2026-11-22', calendar('Europe/Berlin', '00:00'))), '2026-11-22T23:00:00.000Z');
  assert.equal(dayAt(berlin, utc('2026-11-22T16:59:59.999Z')), '2026-11-22');
  assert.equal(dayAt(berlin, utc('2026-11-22T17:00:00Z')), '2026-11-23');
  assert.equal(dayAt(calendar('Europe/Berlin', '00:00'), utc('2026-11-22T22:59:59Z')), '2026-11-22');
});

void test('the tree of a day is due from the closing on, and not before', () => {
  const open = tree(utc('2026-11-22T08:00:00Z'), 5);
  const at = (now: string): ScheduleState => ({ now: utc(now), began: 0, lastDay: '2026-11-21', open });
  assert.deepEqual(whatIsDue(berlin, at('2026-11-22T16:59:59Z')), { days: [], nextClosing: utc('2026-11-22T17:00:00Z') });
  assert.deepEqual(whatIsDue(berlin, at('2026-11-22T17:00:00Z')), {
    seal: 'daily',
    days: ['2026-11-22'],
    nextClosing: utc('2026-11-23T17:00:00Z'),
  });
  // Three days later, after the machine was off: one tree, each day recorded.
  assert.deepEqual(whatIsDue(berlin, at('2026-11-25T17:30:00Z')).days, ['2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25']);
});

void test('days without documents are recorded and seal nothing', () => {
  const state = { now: utc('2026-11-22T18:00:00Z'), began: utc('2026-11-20T12:00:00Z') };
  assert.deepEqual(whatIsDue(berlin, state).days, ['2026-11-20', '2026-11-21', '2026-11-22']);
  assert.equal(whatIsDue(berlin, state).seal, undefined);
  assert.equal(whatIsDue(berlin, { ...state, open: tree(utc('2026-11-20T12:00:00Z'), 0) }).seal, undefined);
});

void test('trees close after a batch, a time or a number of leaves when the rule says so, and daily all the same', () => {
  const seal = (closing: ClosingRule, leaves: number, minutes: number): unknown => {
    const openedAt = utc('2026-11-22T08:00:00Z');
    const state = { now: openedAt + minutes * 60_000, began: 0, lastDay: '2026-11-21', open: tree(openedAt, leaves) };
    return whatIsDue({ ...berlin, closing }, state).seal;
  };
  assert.equal(seal({ kind: 'batch' }, 1, 0), 'batch');
  assert.equal(seal({ kind: 'batch' }, 0, 0), undefined);
  assert.equal(seal({ kind: 'every', ms: 900_000 }, 1, 14), undefined);
  assert.equal(seal({ kind: 'every', ms: 900_000 }, 1, 15), 'every');
  assert.equal(seal({ kind: 'leaves', count: 100 }, 99, 15), undefined);
  assert.equal(seal({ kind: 'leaves', count: 100 }, 100, 15), 'leaves');
  assert.equal(seal({ kind: 'leaves', count: 100 }, 99, 600), 'daily');
});

void test('a clock that goes back repeats no day and leaves no tree open for ever', () => {
  const state = { now: utc('2026-11-20T12:00:00Z'), began: 0, lastDay: '2026-11-22' };
  assert.deepEqual(whatIsDue(berlin, state).days, []);
  const open = tree(utc('2026-11-22T18:00:00Z'), 3);
  assert.equal(whatIsDue(berlin, { ...state, open }).seal, 'clock-went-back');
});

void test('an open tree of a digest that is no longer configured is closed, so that the next one can be opened', () => {
  const now = utc('2026-11-22T08:00:00Z');
  assert.equal(whatIsDue(berlin, { now, began: 0, lastDay: '2026-11-21', open: tree(now, 1, 'sha512') }).seal, 'digest-changed');
});

void test('a clock far in the future records a bounded number of days at once', () => {
  assert.equal(whatIsDue(berlin, { now: utc('2099-01-01T00:00:00Z'), began: 0, lastDay: '2026-11-22' }).days.length, 400);
});

const zones = ['Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia'];
const moreZones = ['America/St_Johns', 'Africa/Casablanca', 'Asia/Gaza', 'America/Santiago', 'Africa/Cairo', 'Antarctica/Troll', 'UTC'];
const arbitrary = fc.record({
  timezone: fc.constantFrom(...zones, ...moreZones),
  closeAt: fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 59))
    .map((time) => time.map((part) => String(part).padStart(2, '0')).join(':')),
  start: fc.integer({ min: utc('2009-01-01T00:00:00Z'), max: utc('2030-01-01T00:00:00Z') }),
});

void test('in every zone and year the days follow each other without a gap, each closed once, however the clock is asked', () => {
  const steps = fc.array(fc.integer({ min: -40 * 3_600_000, max: 80 * 3_600_000 }), { minLength: 5, maxLength: 25 });
  fc.assert(
    fc.property(arbitrary, steps, ({ timezone, closeAt, start }, moves) => {
      const zone = calendar(timezone, closeAt);
      const recorded: string[] = [];
      let now = start;
      for (const move of moves) {
        now += move;
        const lastDay = recorded.at(-1);
        recorded.push(...whatIsDue(zone, { now, began: start, ...(lastDay === undefined ? {} : { lastDay }) }).days);
      }
      assert.equal(new Set(recorded).size, recorded.length, 'closed twice');
      for (const [index, date] of recorded.entries()) {
        const previous = recorded[index - 1];
        if (previous === undefined) continue;
        const closed = closingOf(previous, zone);
        assert.ok(closingOf(date, zone) > closed);
        assert.equal(dayAt(zone, closed), date, 'a day was lost');
      }
    }),
    { numRuns: 60 },
  );
});

void test('every instant lies in exactly one day, whose closing is the next one', () => {
  fc.assert(
    fc.property(arbitrary, ({ timezone, closeAt, start }) => {
      const zone = calendar(timezone, closeAt);
      const date = dayAt(zone, start);
      assert.ok(closingOf(date, zone) > start);
      const before = [1, 2]
        .map((days) => addDays(date, -days))
        .find((other) => localDate(instantOf(other, '00:00', timezone), timezone) === other);
      assert.ok(before !== undefined && closingOf(before, zone) <= start);
    }),
    { numRuns: 150 },
  );
});

void test('the instant of a local time shows that time, unless the zone skipped it', () => {
  fc.assert(
    fc.property(arbitrary, ({ timezone, closeAt, start }) => {
      const date = localDate(start, timezone);
      const instant = instantOf(date, closeAt, timezone);
      const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'short' });
      const wanted = `${date} ${closeAt}`;
      if (shown.format(instant) === wanted) assert.ok(shown.format(instant - 1) < wanted);
      else assert.ok(shown.format(instant) > wanted && shown.format(instant - 1) < wanted);
    }),
    { numRuns: 150 },
  );
});
