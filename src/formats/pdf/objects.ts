import { decodeHexadecimal, decodeLiteral } from './strings.ts';

/**
 * The objects of a PDF file (ISO 32000-2 §7.3). Composite ones remember the bytes they were read from and where, so that a change
 * is an edit of those bytes and everything else stays as its producer wrote it.
 */
export type Value = null | boolean | number | Name | Reference | StringObject | ArrayObject | Dictionary | Stream;

export class Name {
  /** Without the solidus, `#xx` decoded, one character a byte. */
  readonly value: string;

  constructor(value: string) {
    this.value = value;
  }
}

export class Reference {
  readonly number: number;
  readonly generation: number;

  constructor(number: number, generation: number) {
    this.number = number;
    this.generation = generation;
  }
}

/** Bytes, with the position of something read from them: half-open, relative to `bytes`. */
class Located {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** As it stands in the file, one character a byte. */
  get raw(): string {
    return this.bytes.toString('latin1', this.start, this.end);
  }
}

/** A literal `(…)` or hexadecimal `<…>` string; in an encrypted document its bytes are those of the cipher. */
export class StringObject extends Located {
  get hexadecimal(): boolean {
    return this.bytes[this.start] === 0x3c;
  }

  /** The decoded bytes, a copy. */
  value(): Buffer {
    const content = this.bytes.subarray(this.start + 1, this.end - 1);
    return this.hexadecimal ? decodeHexadecimal(content) : decodeLiteral(content);
  }
}

export class ArrayObject extends Located {
  readonly items: readonly Value[];

  constructor(bytes: Buffer, start: number, end: number, items: readonly Value[]) {
    super(bytes, start, end);
    this.items = items;
  }
}

export interface Entry {
  readonly value: Value;
  /** Start of the value and end of the entry, relative to the dictionary's `bytes`. */
  readonly start: number;
  readonly end: number;
}

export class Dictionary extends Located {
  readonly entries: ReadonlyMap<string, Entry>;

  constructor(bytes: Buffer, start: number, end: number, entries: ReadonlyMap<string, Entry>) {
    super(bytes, start, end);
    this.entries = entries;
  }

  /** Not resolved; undefined when the key is absent. */
  get(key: string): Value | undefined {
    return this.entries.get(key)?.value;
  }

  /** Value of a key that holds a direct name. */
  name(key: string): string | undefined {
    const value = this.get(key);
    return value instanceof Name ? value.value : undefined;
  }
}

export class Stream {
  readonly dictionary: Dictionary;
  /** Of the first byte of data in the file. */
  readonly offset: number;

  constructor(dictionary: Dictionary, offset: number) {
    this.dictionary = dictionary;
    this.offset = offset;
  }
}

/** An object with its number (ISO 32000-2 §7.3.10). */
export interface IndirectObject {
  readonly number: number;
  readonly generation: number;
  readonly value: Value;
  /** Offset in the file of the bytes that composite values refer to; undefined inside an object stream. */
  readonly base: number | undefined;
}

export interface DictionaryObject extends IndirectObject {
  readonly value: Dictionary;
}

/** The object if it is a dictionary. */
export function asDictionary(object: IndirectObject | undefined): DictionaryObject | undefined {
  return object?.value instanceof Dictionary ? { ...object, value: object.value } : undefined;
}

export function isInteger(value: Value | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}
