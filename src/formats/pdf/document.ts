import { SealError } from '../../errors.ts';
import { openSecurity, type Security } from './encryption.ts';
import { head, Input } from './input.ts';
import {
  ArrayObject,
  asDictionary,
  Dictionary,
  isInteger,
  Reference,
  Stream,
  StringObject,
  type DictionaryObject,
  type IndirectObject,
  type Value,
} from './objects.ts';
import { readObjectStream, type ObjectStream } from './object-stream.ts';
import { beyondLimit, damaged, notSupported } from './refusals.ts';
import { longestStream } from './filters.ts';
import { readCrossReference, type CrossReference } from './xref.ts';
import { dataStart } from './xref-stream.ts';
import type { Parser } from './parser.ts';
import type { ByteSource } from '../../ports/bytes.ts';

/** A reference to a reference to … ends somewhere. */
const longestChain = 32;
/** Objects and unpacked object streams that are looked at in one document. */
const mostObjects = 500_000;
const mostUnpacked = 4 * longestStream;

/**
 * A PDF document as far as a signature needs it (ISO 32000-2 §7.5). Hostile input. Nothing is read before it is asked for; what readers
 * would have to repair is refused, since they repair it differently.
 */
export class PdfDocument {
  readonly source: ByteSource;
  readonly xref: CrossReference;
  /** Of the newest revision. */
  readonly trailer: Dictionary;
  readonly #input: Input;
  readonly #password: Buffer;
  readonly #objects = new Map<number, IndirectObject>();
  /** Object streams by number; undefined while one is being opened. */
  #containers: Map<number, ObjectStream | undefined> | undefined;
  #unpacked = 0;
  #security: Security | undefined;
  #catalog: DictionaryObject | undefined;

  /**
   * @param password of an encrypted document; not kept beyond this object. It is asked for only where something encrypted is read.
   * @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-FORMAT, SEAL-DOC-LIMIT
   */
  constructor(source: ByteSource, password: Buffer = Buffer.alloc(0)) {
    this.source = source;
    this.#password = password;
    this.#input = new Input(source);
    const version = this.#input.bytes(0, 16).toString('latin1');
    if (!/^%PDF-(?:1\.[0-7]|2\.0)[^0-9]/.test(version)) throw header(this.#input);
    this.xref = readCrossReference(this.#input);
    this.trailer = this.xref.sections[0].trailer;
  }

  /** The document as it was when it ended there. @param end offset behind a revision @throws SealError SEAL-DOC-* when that was no document */
  revision(end: number): PdfDocument {
    return new PdfDocument(head(this.source, end), this.#password);
  }

  get encrypted(): boolean {
    return (this.trailer.get('Encrypt') ?? null) !== null;
  }

  /** @throws SealError SEAL-DOC-ENCRYPTED when the password is missing or wrong */
  security(): Security | undefined {
    if (this.#security) return this.#security;
    if (!this.encrypted) return undefined;
    const dictionary = this.resolve(this.trailer.get('Encrypt'));
    if (!(dictionary instanceof Dictionary)) throw damaged('/Encrypt is no dictionary');
    const ids = this.resolve(this.trailer.get('ID'));
    const first = ids instanceof ArrayObject ? this.resolve(ids.items[0]) : null;
    const id = first instanceof StringObject ? first.value() : Buffer.alloc(0);
    this.#security = openSecurity(dictionary, (value) => this.resolve(value), id, this.#password);
    return this.#security;
  }

  /** The document catalog (§7.7.2) with its number. */
  get catalog(): DictionaryObject {
    const root = this.trailer.get('Root');
    this.#catalog ??= root instanceof Reference ? asDictionary(this.object(root)) : undefined;
    if (!this.#catalog) throw damaged('the document catalog is missing');
    return this.#catalog;
  }

  /** What a value refers to; null for an object that does not exist (§7.3.10). */
  resolve(value: Value | undefined): Value {
    let current = value ?? null;
    for (let steps = 0; current instanceof Reference; steps++) {
      if (steps > longestChain) throw damaged('references run in a circle');
      current = this.object(current)?.value ?? null;
    }
    return current;
  }

  /** The same, with the object that the value is written in: `within`, or the one that is referred to. */
  follow(value: Value | undefined, within: IndirectObject): { readonly value: Value; readonly object: IndirectObject } {
    let found = { value: value ?? null, object: within };
    for (let steps = 0; found.value instanceof Reference; steps++) {
      if (steps > longestChain) throw damaged('references run in a circle');
      const object = this.object(found.value);
      found = { value: object?.value ?? null, object: object ?? within };
    }
    return found;
  }

  dictionary(value: Value | undefined, what: string): Dictionary {
    const found = this.resolve(value);
    if (!(found instanceof Dictionary)) throw damaged(`${what} is no dictionary`);
    return found;
  }

  /** The object a reference names; undefined when it does not exist. */
  object({ number, generation }: Reference): IndirectObject | undefined {
    const known = this.#objects.get(number);
    if (known) return known.generation === generation ? known : undefined;
    const location = this.xref.locate(number);
    if (!location || location.kind === 'free') return undefined;
    if (this.#objects.size >= mostObjects) throw beyondLimit(`more than ${mostObjects} objects have to be read`);
    if (location.kind === 'packed') return this.#unpack(number, generation, location.container, location.index);
    if (location.generation !== generation)
      throw damaged(`object ${number} is referred to with generation ${generation} and has ${location.generation}`);
    return this.#keep(this.#input.parse(location.offset, (parser, base) => readObject(parser, base, number, generation)));
  }

  /** The object that has this number now, whatever its generation. */
  current(number: number): IndirectObject | undefined {
    const location = this.xref.locate(number);
    if (!location || location.kind === 'free') return undefined;
    return this.object(new Reference(number, location.kind === 'plain' ? location.generation : 0));
  }

  /** Data of a stream as it stands in the file, still encoded and encrypted. */
  streamData(stream: Stream): Buffer {
    const length = this.resolve(stream.dictionary.get('Length'));
    if (!isInteger(length) || length < 0 || stream.offset + length > this.source.size) throw damaged('a stream is cut off', stream.offset);
    if (length > longestStream) throw beyondLimit(`a stream of ${length} bytes would have to be read`);
    const end = this.#input.bytes(stream.offset + length, 16).toString('latin1');
    if (!/^(?:\r\n|\n|\r)?endstream/.test(end)) throw damaged('the length of a stream is wrong', stream.offset);
    return this.#input.bytes(stream.offset, length);
  }

  /** Whether strings can be read: the document is not encrypted, or its password was given. */
  get readable(): boolean {
    try {
      this.security();
      return true;
    } catch (error) {
      if (error instanceof SealError && error.code === 'SEAL-DOC-ENCRYPTED') return false;
      throw error;
    }
  }

  /** Bytes of a string of this object, decrypted where it is encrypted and can be. */
  text(object: IndirectObject, string: StringObject): Buffer {
    const bytes = string.value();
    if (object.base === undefined || !this.encrypted || !this.readable) return bytes;
    return this.security()?.decryptString(object.number, object.generation, bytes) ?? bytes;
  }

  #keep(object: IndirectObject): IndirectObject {
    this.#objects.set(object.number, object);
    return object;
  }

  #unpack(number: number, generation: number, container: number, index: number): IndirectObject {
    if (generation !== 0) throw damaged(`object ${number} is in an object stream and is referred to with generation ${generation}`);
    const stream = this.#containers?.get(container) ?? this.#openContainer(container);
    return this.#keep({ number, generation, value: stream.read(number, index), base: undefined });
  }

  #openContainer(number: number): ObjectStream {
    const location = this.xref.locate(number);
    this.#containers ??= new Map();
    if (location?.kind !== 'plain' || this.#containers.has(number)) throw damaged(`object stream ${number} does not exist`);
    this.#containers.set(number, undefined);
    const object = this.object(new Reference(number, location.generation));
    if (!(object?.value instanceof Stream) || object.value.dictionary.name('Type') !== 'ObjStm')
      throw damaged(`object ${number} is no object stream`);
    const data = this.streamData(object.value);
    const plain = this.security()?.decryptStream(number, object.generation, data) ?? data;
    const opened = readObjectStream(object.value.dictionary, plain, mostUnpacked - this.#unpacked);
    this.#unpacked += opened.length;
    this.#containers.set(number, opened);
    return opened;
  }
}

function readObject(parser: Parser, base: number, number: number, generation: number): IndirectObject {
  const head = parser.head();
  if (head.number !== number || head.generation !== generation)
    parser.fail(`object ${head.number} ${head.generation} stands where the cross-reference announces object ${number} ${generation}`);
  const value = parser.value();
  parser.skip();
  if (value instanceof Dictionary && parser.keyword('stream')) {
    const at = dataStart(parser.code(parser.at), parser.code(parser.at + 1), parser.at);
    return { number, generation, value: new Stream(value, base + at), base };
  }
  if (!parser.keyword('endobj')) parser.fail(`object ${number} has no end`);
  return { number, generation, value, base };
}

function header(input: Input): Error {
  const at = input.bytes(0, 1024).toString('latin1').indexOf('%PDF-');
  if (at > 0) return damaged(`${at} bytes stand before the header`, 0);
  if (at < 0) return notSupported('the file has no PDF header', 'choose a profile that fits the file, or put it into another root');
  return notSupported(`version ${input.bytes(5, 3).toString('latin1')} is not known`);
}
