import { createRequire } from 'node:module';

const read: unknown = createRequire(import.meta.url)('../../package.json');

/** Of package.json. */
export const packageVersion: string =
  typeof read === 'object' && read !== null && 'version' in read && typeof read.version === 'string' ? read.version : '0.0.0';
