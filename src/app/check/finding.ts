import { asSealError, codes, type ErrorCode } from '../../errors.ts';

/** One line of `sealtree check`. */
export interface Finding {
  /** `error`: work will fail or stand still; `warning`: it will one day, or nobody could look. */
  readonly status: 'ok' | 'warning' | 'error';
  /** `root letters claim`, `key seal` … */
  readonly what: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly code?: ErrorCode;
}

/** What is worst for an operator, first: 78 needs an editor, 75 only patience. */
const severity: readonly number[] = [70, 78, 77, 1, 69, 65, 75];

export function ok(what: string, message: string): Finding {
  return { status: 'ok', what, message };
}

export function warning(what: string, message: string, hint?: string): Finding {
  return { status: 'warning', what, message, ...(hint === undefined ? {} : { hint }) };
}

/** A thrown value as a finding. */
export function failed(what: string, thrown: unknown): Finding {
  const { code, message, hint, where } = asSealError(thrown);
  const place = where === undefined || where === '' || message.includes(where) ? '' : ` (${where})`;
  return { status: 'error', what, message: `${message}${place}`, code, ...(hint === undefined ? {} : { hint }) };
}

/** The findings of one thing that is checked; what it throws is one of them, so that one failure hides no other. */
export async function tried(what: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (thrown) {
    return [failed(what, thrown)];
  }
}

/** Exit status: that of the worst error; 0 when there is none. */
export function exitOfFindings(findings: readonly Finding[]): number {
  const exits: readonly number[] = findings.flatMap(({ status, code }) =>
    status === 'error' ? [code === undefined ? 69 : codes[code].exit] : [],
  );
  return severity.find((exit) => exits.includes(exit)) ?? exits[0] ?? 0;
}
