/** Patterns for file names: `*` is any run of bytes, `?` one character, everything else itself. Names are bytes and may be no UTF-8. */
export type NameMatcher = (name: Buffer) => boolean;

const star = 0x2a;
const question = 0x3f;

/** Whether a pattern holds a wildcard. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/** A matcher for one pattern; time grows with name × pattern at worst, whatever the pattern. */
export function nameMatcher(pattern: string): NameMatcher {
  const bytes = Buffer.from(pattern, 'utf8');
  return isGlob(pattern) ? (name) => matches(name, bytes) : (name) => name.equals(bytes);
}

/** A matcher for any of the patterns. */
export function anyNameMatcher(patterns: readonly string[]): NameMatcher {
  const matchers = patterns.map(nameMatcher);
  return (name) => matchers.some((one) => one(name));
}

function matches(name: Buffer, pattern: Buffer): boolean {
  let at = 0;
  let next = 0;
  // Where to go on when the run of the last star must be one byte longer.
  let retryName = -1;
  let retryPattern = -1;
  while (at < name.length) {
    if (next < pattern.length && pattern[next] === star) {
      retryPattern = ++next;
      retryName = at;
    } else if (next < pattern.length && pattern[next] === question) {
      at += characterLength(name, at);
      next++;
    } else if (next < pattern.length && pattern[next] === name[at]) {
      at++;
      next++;
    } else if (retryPattern >= 0) {
      at = ++retryName;
      next = retryPattern;
    } else return false;
  }
  while (next < pattern.length && pattern[next] === star) next++;
  return next === pattern.length;
}

/** Bytes of the UTF-8 character at `at`; 1 where the bytes are none. */
function characterLength(name: Buffer, at: number): number {
  const lead = name[at] ?? 0;
  const length = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (lead >= 0xf8 || at + length > name.length) return 1;
  for (let n = 1; n < length; n++) if (((name[at + n] ?? 0) & 0xc0) !== 0x80) return 1;
  return length;
}
