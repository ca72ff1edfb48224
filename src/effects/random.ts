import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

/** Random bytes of the operating system, fit for keys and nonces. */
export const systemRandom: Random = { bytes: (length) => randomBytes(length) };
