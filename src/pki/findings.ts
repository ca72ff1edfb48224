import type { SubIndication } from '../model/verification.ts';

/** Why a certificate, a path or a piece of revocation data does not convince, in the words of EN 319 102-1 and in plain ones. */
export interface Finding {
  readonly subIndication: SubIndication;
  readonly message: string;
}

/** Message of anything thrown, for a finding: bad data of others is a verdict, not an exception. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `2026-11-22T10:00:00Z` for messages. @param time UTC ms */
export function utc(time: number): string {
  return Number.isFinite(time) ? new Date(time).toISOString().replace('.000Z', 'Z') : 'never';
}
