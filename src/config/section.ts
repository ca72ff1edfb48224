import { z } from 'zod';
import { nearest } from './nearest.ts';

/** A mapping that knows all its keys: another key is an error that names the nearest known one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join('\n');
    },
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const close = nearest(key, known);
  return close === undefined
    ? `unknown setting “${key}”; known here: ${known.join(', ')}`
    : `unknown setting “${key}”; did you mean “${close}”?`;
}
