import { displayName } from '../formats/names.ts';
import { SealError } from '../errors.ts';

/** Never written, at any depth: PINs and their like, and timestamp tokens, which are long and say nothing in a log. */
const secretNames: ReadonlySet<string> = new Set(['pin', 'passphrase', 'password', 'secret', 'token']);
const deepest = 8;
const longest = 200;

/** A text that cannot redraw the terminal it is shown on: control and format characters become visible, line breaks and tabs too. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (mark) => {
    if (mark === '\n') return '\\n';
    return `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/**
 * Fields as they may be logged: secrets replaced, names (Buffers) as people read them, errors with the chain of their causes, nothing
 * endless. Line breaks stay in `stack` alone.
 */
export function loggable(fields: object): Record<string, unknown> {
  return clean(fields, 0) as Record<string, unknown>;
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return visible(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return displayName(Buffer.from(value.buffer, value.byteOffset, value.length).subarray(0, 1024));
  if (depth >= deepest) return '…';
  if (value instanceof Error) return clean(errorFields(value), depth + 1);
  if (value instanceof Map || value instanceof Set) return clean([...value], depth);
  if (Array.isArray(value)) {
    const items = value.slice(0, longest).map((item) => clean(item, depth + 1));
    return value.length > longest ? [...items, `… ${value.length - longest} more`] : items;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      if (secretNames.has(name.toLowerCase())) return [name, '[redacted]'];
      if (name === 'stack' && typeof field === 'string') return [name, field.split('\n').map(visible).join('\n')];
      return [visible(name), clean(field, depth + 1)];
    }),
  );
}

function errorFields(error: Error): object {
  const cause: unknown = error.cause;
  return {
    ...(error instanceof SealError ? error.toJSON() : { name: error.name, message: error.message }),
    ...(error instanceof SealError && error.code !== 'SEAL-INTERNAL' ? {} : { stack: error.stack }),
    ...('code' in error ? { code: error.code } : {}),
    ...(cause === undefined ? {} : { cause }),
  };
}
