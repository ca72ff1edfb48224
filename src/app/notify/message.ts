import type { NotifyEvent } from '../../model/notify.ts';
import type { Condition } from './conditions.ts';
import { isoTime } from '../views.ts';

/** One message about one or several things. */
export interface Notification {
  /** The same in every attempt and on every channel. */
  readonly id: string;
  /** UTC ms. */
  readonly at: number;
  /** Which house it comes from: the path of its configuration. */
  readonly source: string;
  readonly conditions: readonly Told[];
}

type Told = Pick<Condition, 'subject' | 'message' | 'hint'> & {
  readonly event: NotifyEvent | 'test';
  readonly batch?: ReadyBatch;
};

/** A batch that can be collected, for programs. */
export interface ReadyBatch {
  readonly id: string;
  readonly root: string;
  /** Below outgoing; escaped for display. */
  readonly path: string;
  readonly documents: number;
  readonly failed: number;
}

const maxSubject = 120;

/** For the subject line: the first thing, and how many more. One line, printable. */
export function subjectOf({ conditions }: Notification): string {
  const [first, ...more] = conditions;
  const text = `Sealtree: ${first?.message ?? ''}`.replace(/\p{Cc}+/gu, ' ');
  const short = text.length > maxSubject ? `${text.slice(0, maxSubject - 1)}…` : text;
  return more.length === 0 ? short : `${short} (and ${more.length} more)`;
}

/** For people: each thing with what to do. */
export function textOf({ at, source, conditions }: Notification): string {
  const things = conditions.map(({ message, hint }) => `- ${message}${hint === undefined ? '' : `\n  What to do: ${hint}`}`);
  return [...things, '', `${isoTime(at)}, ${source}`, ''].join('\n');
}

/** For programs: type, timestamp and data as Standard Webhooks has it. */
export function jsonOf({ at, source, conditions }: Notification): Buffer {
  return Buffer.from(
    JSON.stringify({ type: 'sealtree.notification', timestamp: isoTime(at), data: { source, events: conditions.map(plain) } }),
    'utf8',
  );
}

/** What stays inside is left out. */
function plain({ event, subject, message, hint, batch }: Told): object {
  return { event, subject, message, ...(hint === undefined ? {} : { hint }), ...(batch === undefined ? {} : { batch }) };
}
