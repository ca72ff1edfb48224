import { displayName, isUtf8 } from './names.ts';

// What JSON leaves as it is and terminals obey: C1 controls, line separators, and the marks that turn the direction of writing.
const unsafe = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** JSON for programs that people look at too: it parses to exactly the same value, and cannot redraw a terminal. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(unsafe, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A file name in JSON. */
export interface JsonName {
  /** Exactly the name where it is UTF-8; else escaped for display. */
  readonly name: string;
  /** Hexadecimal bytes of a name that is not UTF-8. */
  readonly nameBytes?: string;
}

/** A name or path for programs that look for the file. */
export function jsonName(path: Buffer): JsonName {
  return isUtf8(path) ? { name: path.toString('utf8') } : { name: displayName(path), nameBytes: path.toString('hex') };
}
