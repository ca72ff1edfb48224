import { ArrayObject, Dictionary, Name, Reference, StringObject, type Entry, type Value } from './objects.ts';
import { damaged } from './refusals.ts';

/** Deepest nesting of arrays and dictionaries that is followed. */
const maxNesting = 100;

/** The bytes at hand end before the object does: the caller reads more and starts again. */
export class Truncated extends Error {}
const truncated = new Truncated('more bytes are needed');

const regular = 0;
const white = 1;
const delimiter = 2;
const kinds = new Uint8Array(256);
for (const code of [0, 9, 10, 12, 13, 32]) kinds[code] = white;
for (const code of Buffer.from('()<>[]{}/%')) kinds[code] = delimiter;

/**
 * Reads objects (ISO 32000-2 §7.2, §7.3) from a window of the file. Hostile input. Stricter than most readers: what one of them would
 * guess at is an error here, since another would guess otherwise.
 */
export class Parser {
  readonly bytes: Buffer;
  /** Position of the next byte, relative to `bytes`. */
  at: number;
  readonly #final: boolean;
  readonly #base: number;

  /**
   * @param base offset of the window in the file, for messages
   * @param final whether the file (or object stream) ends where the window does
   */
  constructor(bytes: Buffer, at: number, base: number, final: boolean) {
    this.bytes = bytes;
    this.at = at;
    this.#base = base;
    this.#final = final;
  }

  /** The byte at a position, -1 behind the end. */
  code(at: number): number {
    const code = this.bytes[at];
    if (code !== undefined) return code;
    if (!this.#final) throw truncated;
    return -1;
  }

  fail(message: string): never {
    throw damaged(message, this.#base + this.at);
  }

  /** Skips white space and comments. */
  skip(): void {
    for (;;) {
      const code = this.code(this.at);
      if (code === 0x25) {
        while (![0x0a, 0x0d, -1].includes(this.code(this.at))) this.at++;
      } else if (code < 0 || kinds[code] !== white) return;
      else this.at++;
    }
  }

  /** Takes the keyword if it comes next, as a whole word. */
  keyword(word: string): boolean {
    const { length } = word;
    for (let i = 0; i < length; i++) if (this.code(this.at + i) !== word.charCodeAt(i)) return false;
    if (!this.#ends(this.at + length)) return false;
    this.at += length;
    return true;
  }

  /** Takes a run of decimal digits; undefined when none comes next or it is no safe integer. */
  digits(): number | undefined {
    const start = this.at;
    let value = 0;
    for (;;) {
      const digit = this.code(this.at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.at++;
    }
    if (this.at > start && this.at - start < 16) return value;
    this.at = start;
    return undefined;
  }

  /** `12 0 obj`: the head of an indirect object. */
  head(): { readonly number: number; readonly generation: number } {
    this.skip();
    const number = this.digits();
    this.#blank();
    const generation = number === undefined ? undefined : this.digits();
    this.#blank();
    if (number === undefined || generation === undefined || !this.keyword('obj')) this.fail('no object begins where one should');
    return { number, generation };
  }

  /** Any object. @throws SealError SEAL-DOC-DAMAGED, `Truncated` */
  value(depth = 0): Value {
    this.skip();
    const code = this.code(this.at);
    if ((code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e) return this.#number();
    if (code === 0x2f) return new Name(this.#name());
    if (code === 0x28) return this.#literal();
    if (code === 0x3c) return this.code(this.at + 1) === 0x3c ? this.dictionary(depth) : this.#hexadecimal();
    if (code === 0x5b) return this.#array(depth);
    if (this.keyword('null')) return null;
    if (this.keyword('true')) return true;
    if (this.keyword('false')) return false;
    return this.fail(code < 0 ? 'ends within an object' : 'not an object');
  }

  dictionary(depth = 0): Dictionary {
    if (depth > maxNesting) this.fail('objects are nested too deep');
    const start = this.at;
    if (this.code(start) !== 0x3c || this.code(start + 1) !== 0x3c) this.fail('a dictionary is expected');
    this.at += 2;
    const entries = new Map<string, Entry>();
    for (;;) {
      this.skip();
      const code = this.code(this.at);
      if (code === 0x3e && this.code(this.at + 1) === 0x3e) break;
      if (code !== 0x2f) this.fail('a dictionary has a key that is no name');
      const key = this.#name();
      this.skip();
      const valueStart = this.at;
      const value = this.value(depth + 1);
      // Readers disagree whether the first or the last one counts.
      if (entries.has(key)) this.fail(`a dictionary has two entries /${key}`);
      entries.set(key, { value, start: valueStart, end: this.at });
    }
    this.at += 2;
    return new Dictionary(this.bytes, start, this.at, entries);
  }

  #blank(): void {
    while (kinds[this.code(this.at)] === white) this.at++;
  }

  #ends(at: number): boolean {
    const code = this.code(at);
    return code < 0 || kinds[code] !== regular;
  }

  #number(): number | Reference {
    const start = this.at;
    const integer = this.digits();
    if (integer !== undefined && this.#ends(this.at)) return this.#reference(integer) ?? integer;
    while (!this.#ends(this.at)) this.at++;
    const text = this.bytes.toString('latin1', start, this.at);
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) {
      this.at = start;
      this.fail('not a number');
    }
    return Number(text);
  }

  /** The rest of `12 0 R` behind its first number; leaves everything as it is when that is only a number. */
  #reference(number: number): Reference | undefined {
    const start = this.at;
    this.#blank();
    const generation = this.digits();
    if (generation !== undefined && !this.#ends(this.at)) {
      this.at = start;
      return undefined;
    }
    this.#blank();
    if (generation !== undefined && this.keyword('R')) return new Reference(number, generation);
    this.at = start;
    return undefined;
  }

  #name(): string {
    const start = ++this.at;
    while (!this.#ends(this.at)) this.at++;
    const text = this.bytes.toString('latin1', start, this.at);
    if (!text.includes('#')) return text;
    return text.replace(/#([0-9a-fA-F]{2})?/g, (_, digits: string | undefined) => {
      if (digits === undefined) this.fail('a name has a # that is no code');
      return String.fromCharCode(parseInt(digits, 16));
    });
  }

  #literal(): StringObject {
    const start = this.at++;
    for (let open = 1; open > 0; this.at++) {
      const code = this.code(this.at);
      if (code === 0x5c) this.at++;
      else if (code === 0x28) open++;
      else if (code === 0x29) open--;
      else if (code < 0) this.fail('ends within a string');
    }
    return new StringObject(this.bytes, start, this.at);
  }

  #hexadecimal(): StringObject {
    const start = this.at;
    const end = this.bytes.indexOf(0x3e, start);
    if (end < 0) {
      this.code(this.bytes.length);
      this.fail('ends within a string');
    }
    this.at = end + 1;
    return new StringObject(this.bytes, start, this.at);
  }

  #array(depth: number): ArrayObject {
    if (depth > maxNesting) this.fail('objects are nested too deep');
    const start = this.at++;
    const items: Value[] = [];
    for (;;) {
      this.skip();
      if (this.code(this.at) === 0x5d) break;
      items.push(this.value(depth + 1));
    }
    this.at++;
    return new ArrayObject(this.bytes, start, this.at, items);
  }
}
