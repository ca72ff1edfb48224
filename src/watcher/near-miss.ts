import { editDistance } from '../formats/edit-distance.ts';
import { displayName } from '../formats/names.ts';
import { isGlob, nameMatcher } from '../formats/globs.ts';
import type { FileKind } from '../ports/files.ts';

/** Explains a name that was probably meant as a semaphore; undefined for any other. */
export type NearMissCheck = (name: Buffer, kind: FileKind) => string | undefined;

/**
 * For a root's semaphore name or glob: other capitals, an extension too many, a slip of the pen, or the right name on what is no file.
 * Cheap for names that are far off: it looks at every name of a tree.
 */
export function nearMissCheck(expected: string): NearMissCheck {
  const exact = nameMatcher(expected);
  const wanted = expected.toLowerCase();
  const glob = isGlob(expected);
  const loose = nameMatcher(wanted);
  const initials = [wanted[0], wanted[0]?.toUpperCase(), ' '].map((letter) => letter?.charCodeAt(0));
  const resembles = (name: Buffer): boolean => {
    if (!glob && (Math.abs(name.length - expected.length) > longestExtra || !initials.includes(name[0]))) return false;
    const text = name.toString('utf8').toLowerCase().trim();
    return variants(text).some((variant) => (glob ? loose(Buffer.from(variant)) : close(variant, wanted)));
  };
  return (name, kind) => {
    if (exact(name)) return kind === 'file' ? undefined : `“${displayName(name)}” is a ${kind}; a regular file is expected`;
    return kind === 'file' && resembles(name) ? `“${displayName(name)}” found, “${expected}” expected` : undefined;
  };
}

/** Bytes that a mistaken name may be longer or shorter: an extension, a blank, `(1)`. */
const longestExtra = 8;

/** The name, and the name without what editors, mail programs and file managers add. */
function variants(text: string): string[] {
  const bare = text
    .replace(/\s*(\(\d+\)|~\d*|- kopie|- copy)$/u, '')
    .replace(/\.[a-z0-9_~]{1,5}$/u, '')
    .trim();
  return bare === '' || bare === text ? [text] : [text, bare];
}

/** Equal, or one slip apart; two in a name of eight letters or more. */
function close(text: string, wanted: string): boolean {
  const allowed = wanted.length >= 8 ? 2 : wanted.length >= 4 ? 1 : 0;
  return Math.abs(text.length - wanted.length) <= allowed && editDistance(text, wanted) <= allowed;
}
