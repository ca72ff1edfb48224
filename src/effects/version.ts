import { createRequire } from 'node:module';

const read: unknown = createRequire(import.meta.url)('../../package.json');

/** Of package.json. */
export const packageVersion: string =
  typeof read === 'object' && read !== null && 'version' in read && typeof read.version === 'string' ? read.version : '0.0.0';

/** How the program was called, for commands that are printed to be copied. */
export const programName: string = process.env['SEALTREE_PROGRAM'] ?? 'sealtree';
