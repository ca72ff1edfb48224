import { z } from 'zod';
import { nearest } from './nearest.ts';
import { section } from './section.ts';

/** Digests that are written; older ones are only read. */
export const digest = z.enum(['sha256', 'sha384', 'sha512']);

/** Name of a key, pool, profile, root or timestamp authority. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name has letters, digits, dot, dash and underscore, 64 at most');

/** Where a secret is to be had. */
export const secret = z.union([section({ file: z.string() }), section({ env: z.string() }), section({ credential: z.string() })], {
  error: 'a secret is given as {file: PATH}, {env: NAME} or {credential: NAME}, never as the value itself',
});

/** Of the tz database, also one of its older names. */
export const timezone = z.string().superRefine((zone, context) => {
  if (isTimezone(zone)) return;
  const close = nearest(zone, Intl.supportedValuesOf('timeZone'));
  const meant = close === undefined ? 'use one such as Europe/Berlin' : `did you mean “${close}”?`;
  context.addIssue({ code: 'custom', message: `“${zone}” is no IANA time zone; ${meant}` });
});

/** What Intl lists are one name a zone only, without UTC; what it takes includes offsets, which have no summer time. */
function isTimezone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
