import { SealError } from '../errors.ts';
import { digestOf } from './digests.ts';
import { displayName } from './names.ts';
import type { Canonicalization } from './xml-algorithms.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type * as LibXml from 'libxml2-wasm';
import type { XmlDocument, XmlElement, XmlTreeNode } from 'libxml2-wasm';

type Library = typeof LibXml;

let library: Library | undefined;
let missed = false;

/** Loads the parser (libxml2 as WebAssembly: 60 ms, 18 MB), once. Only threads that meet XML pay for it: see `xmlWanted`. */
export async function loadXml(): Promise<void> {
  library ??= await import('libxml2-wasm');
}

/** Whether XML was to be read in this thread before `loadXml` was called: the work must be done again after it. */
export function xmlWanted(): boolean {
  return missed && library === undefined;
}

export const xmlLimits = {
  /** Bytes. */
  size: 32 * 1024 * 1024,
  /** Tags, comments and so on: occurrences of `<`. Elements nest 256 deep at most (libxml2). */
  marks: 300_000,
  /** In one tag: they are sorted one by one. */
  attributes: 200,
  /** Tags times the square of namespace declarations: for each element each is looked for among all. */
  namespaces: 2e8,
} as const;

/** An element of a document that is open. */
export class XmlPart {
  readonly #element: XmlElement;
  readonly #open: OpenDocument;

  constructor(element: XmlElement, open: OpenDocument) {
    this.#element = element;
    this.#open = open;
  }

  /** Without prefix. */
  get name(): string {
    return this.#element.name;
  }

  get namespace(): string {
    return this.#element.namespaceUri;
  }

  /** Of an attribute without namespace. */
  attribute(name: string): string | undefined {
    return this.#element.attr(name)?.value;
  }

  /** Child elements in their order; comments, processing instructions and text are passed over. */
  elements(): XmlPart[] {
    const { XmlElement: Element } = this.#open.library;
    return [...children(this.#element)].flatMap((child) => (child instanceof Element ? [new XmlPart(child, this.#open)] : []));
  }

  /** All text inside. */
  text(): string {
    return this.#element.content;
  }

  /** Canonical form of this element with what is in it, as a part of its document (Canonical XML 1.0 or 1.1, Exclusive XML Canonicalization 1.0). */
  canonical({ method, withComments }: Canonicalization): Buffer {
    const { document, library: xml } = this.#open;
    const mode = {
      'c14n-1.0': xml.XmlC14NMode.XML_C14N_1_0,
      'c14n-1.1': xml.XmlC14NMode.XML_C14N_1_1,
      'exclusive-1.0': xml.XmlC14NMode.XML_C14N_EXCLUSIVE_1_0,
    }[method];
    return collected((handler) => {
      document.canonicalize(handler, { mode, withComments, nodeSet: new Set([this.#element]) });
    });
  }

  /** Takes the element out of its document, and with it the blank text in front of it where that is asked for. */
  remove(blankBefore = false): void {
    const before = this.#element.prev;
    if (blankBefore && before instanceof this.#open.library.XmlText && before.content.trim() === '') before.remove();
    this.#element.remove();
  }
}

interface OpenDocument {
  readonly document: XmlDocument;
  readonly library: Library;
}

/**
 * Reads an XML document. Hostile input: UTF-8 only, no document type declaration and so no entities, within `xmlLimits`; nothing is fetched.
 * @param use gets the root element, which is gone when it returns
 * @throws SealError SEAL-INPUT-INVALID when it is no such document, SEAL-DOC-LIMIT when it exceeds a limit
 */
export function withXml<T>(bytes: Buffer, use: (root: XmlPart) => T): T {
  if (library === undefined) {
    missed = true;
    throw new SealError('SEAL-INTERNAL', 'the XML parser was not loaded');
  }
  demandPlain(bytes);
  const { XmlDocument: Document, ParseOption: option } = library;
  const document = guarded(library, () =>
    // Relies on nothing outside: no network, no external entity, no catalogue.
    Document.fromBuffer(bytes, { option: option.XML_PARSE_NONET | option.XML_PARSE_NO_XXE | option.XML_PARSE_NO_SYS_CATALOG }),
  );
  const open = { document, library };
  try {
    return guarded(library, () => use(new XmlPart(document.root, open)));
  } finally {
    document.dispose();
  }
}

/** Digest of the canonical form of a whole document; undefined when the bytes are no XML document within the limits. */
export function canonicalDigest(bytes: Buffer, how: Canonicalization, digest: AnyDigest): Buffer | undefined {
  if (!looksLikeXml(bytes)) return undefined;
  try {
    return withXml(bytes, (root) => digestOf(digest, root.canonical(how)));
  } catch (error) {
    if (error instanceof SealError && error.code !== 'SEAL-INTERNAL') return undefined;
    throw error;
  }
}

/** Whether bytes begin like XML: `<` behind blanks and the mark of UTF-8. */
export function looksLikeXml(bytes: Buffer): boolean {
  return /^(\xef\xbb\xbf)?[ \t\r\n]*</.test(bytes.toString('latin1', 0, 64));
}

const prologLength = 65_536;

function demandPlain(bytes: Buffer): void {
  if (bytes.length > xmlLimits.size) throw exceeded(`${xmlLimits.size} bytes`);
  demandWorkable(bytes);
  if (!looksLikeXml(bytes)) throw invalid('it does not begin with a tag in UTF-8');
  const start = bytes.toString('latin1', 0, prologLength);
  const encoding = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']/.exec(start)?.[1];
  if (encoding !== undefined && !/^(utf-8|us-ascii)$/i.test(encoding)) throw invalid(`the encoding ${displayName(encoding)} is not read`);
  // Only in front of the root element it can be a declaration.
  const prolog = /^(?:\xef\xbb\xbf)?(?:[ \t\r\n]+|<\?(?:[^?]|\?(?!>))*\?>|<!--(?:[^-]|-(?!->))*-->)*/.exec(start)?.[0] ?? '';
  if (start.startsWith('<!', prolog.length)) throw invalid('document type declarations are not read');
  if (prolog.length === prologLength) throw exceeded(`${prologLength} bytes in front of the root element`);
}

/** Canonical XML costs more than the document is long: what would take minutes is refused before it is read. */
function demandWorkable(bytes: Buffer): void {
  let marks = 0;
  for (let at = bytes.indexOf(0x3c); at >= 0;) {
    if (++marks > xmlLimits.marks) throw exceeded(`${xmlLimits.marks} tags`);
    const next = bytes.indexOf(0x3c, at + 1);
    const end = next < 0 ? bytes.length : next;
    if (end - at > shortest * xmlLimits.attributes && attributesIn(bytes.toString('latin1', at, end)) > xmlLimits.attributes)
      throw exceeded(`${xmlLimits.attributes} attributes in one tag`);
    at = next;
  }
  let namespaces = 0;
  for (let at = bytes.indexOf('xmlns'); at >= 0; at = bytes.indexOf('xmlns', at + 5)) namespaces++;
  if (marks * namespaces ** 2 > xmlLimits.namespaces) throw exceeded(`${namespaces - 1} namespace declarations for ${marks} tags`);
}

/** Bytes of ` a=""`. */
const shortest = 5;

function attributesIn(tag: string): number {
  return tag.split(/=[ \t\r\n]*["']/).length - 1;
}

/** What the library throws becomes an error with a code. */
function guarded<T>({ XmlLibError }: Library, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SealError) throw error;
    if (error instanceof XmlLibError) throw invalid(displayName(error.message.split('\n')[0] ?? '').slice(0, 200));
    throw new SealError('SEAL-DOC-LIMIT', 'XML: the parser gave up', { cause: error, hint: 'no honest record is that large' });
  }
}

function* children(element: XmlElement): Generator<XmlTreeNode> {
  for (let child = element.firstChild; child !== null; child = child.next) yield child;
}

/** Bytes that the library hands out piece by piece. */
function collected(write: (handler: { write: (bytes: Uint8Array) => number; close: () => boolean }) => void): Buffer {
  const pieces: Buffer[] = [];
  write({
    write: (bytes) => {
      // A view of the library's memory: good only during the call.
      pieces.push(Buffer.from(bytes));
      return bytes.length;
    },
    close: () => true,
  });
  return Buffer.concat(pieces);
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `XML: ${message}`, {
    hint: 'give well-formed XML in UTF-8 without a document type declaration',
  });
}

function exceeded(limit: string): SealError {
  return new SealError('SEAL-DOC-LIMIT', `XML: more than ${limit}`, { hint: 'no honest record is that large' });
}
