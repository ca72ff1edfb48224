/** Names as people see them: file names are bytes, and may hold anything but `/` and NUL. */
import { isUtf8 } from 'node:buffer';

export { isUtf8 };

// Control characters, line separators and the marks that turn the direction of writing: a name must not redraw a terminal or a page.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\\]/gu;

/**
 * A file name for logs, reports and terminals: valid UTF-8 stays readable, everything else is escaped as `\xHH` or `\u{…}`;
 * a backslash is doubled, so that two names never look the same.
 */
export function displayName(name: Buffer | string): string {
  if (typeof name === 'string') return escape(name);
  if (isUtf8(name)) return escape(name.toString('utf8'));
  return [...name]
    .map((octet) =>
      octet < 0x20 || octet > 0x7e ? `\\x${octet.toString(16).padStart(2, '0')}` : octet === 0x5c ? '\\\\' : String.fromCharCode(octet),
    )
    .join('');
}

function escape(text: string): string {
  return text.replace(unsafe, (mark) => {
    if (mark === '\\') return '\\\\';
    if (mark === '\n') return '\\n';
    const code = mark.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

const slash = 0x2f;

/** Joins path parts as bytes with `/`. */
export function joinPath(...parts: readonly (Buffer | string)[]): Buffer {
  let longest = parts.length;
  for (const part of parts) longest += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  const path = Buffer.allocUnsafe(longest);
  let length = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    if (length > 0 && path[length - 1] !== slash) path[length++] = slash;
    length += typeof part === 'string' ? path.write(part, length) : part.copy(path, length);
  }
  return path.subarray(0, length);
}

/** Last part of a path. */
export function baseName(path: Buffer): Buffer {
  return path.subarray(path.lastIndexOf(0x2f) + 1);
}

/** Everything before the last `/`; empty when there is none. */
export function directoryName(path: Buffer): Buffer {
  const at = path.lastIndexOf(0x2f);
  return at < 0 ? Buffer.alloc(0) : path.subarray(0, Math.max(at, at === 0 ? 1 : 0));
}
