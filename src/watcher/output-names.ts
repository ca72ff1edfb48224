import { SealError } from '../errors.ts';
import { formatFor, formats, packagingFor } from '../formats/index.ts';
import { baseName, directoryName, displayName, joinPath } from '../formats/names.ts';
import { deskPlaces, ownNames, spoolFile } from '../formats/places.ts';
import type { BatchDocument } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { Packaging, Profile } from '../model/signature.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { SignatureFormat } from '../ports/format.ts';
import { SuspectNames } from './suspect-names.ts';

/** Bytes of a name and of a whole path on every file system we know. */
const longestName = 255;
const longestPath = 4095;
/** Bytes at both ends of a document that decide its format. */
const end = 4096;

/** The names that a document will have under outgoing, relative to the batch. A detached signature is delivered beside its document. */
type Outputs = readonly Buffer[];

/** What is kept of a document: there may be a million. */
type Named = Pick<BatchDocument, 'id' | 'relPath'>;

/**
 * `possible`: for format `auto` every name that any format would give, without a look at the documents; no fault means none. `exact`: the
 * documents are looked at.
 */
export type Precision = 'possible' | 'exact';

/**
 * Finds documents whose output would collide with another output, with a directory or with our own files, or whose name would be too long.
 * Of two that collide both are refused: which one is meant nobody can know. All documents are added; where some may collide all are then compared, of
 * which only the names in question are kept: a batch of a million documents takes some megabytes.
 */
export class OutputNames {
  readonly #fx: Pick<Effects, 'files'>;
  readonly #config: Pick<Config, 'dataDir'>;
  readonly #root: RootConfig;
  readonly #profile: Profile | undefined;
  readonly #longestPrefix: number;
  readonly #ours: ReadonlySet<string>;
  /** Output path (latin1) → the first document that has it; latin1 of directories → that they are needed. */
  readonly #taken = new Map<string, Named>();
  readonly #directories = new Map<string, Named>();
  readonly #precision: Precision;
  readonly #suspects = new SuspectNames();
  /** Document → why its output cannot exist. */
  readonly faults = new Map<number, SealError>();

  /** @param profile undefined: documents are delivered unsigned */
  constructor(
    fx: Pick<Effects, 'files'>,
    config: Pick<Config, 'dataDir'>,
    { root, batch, profile }: { readonly root: RootConfig; readonly batch: string; readonly profile: Profile | undefined },
    precision: Precision,
  ) {
    this.#precision = precision;
    this.#fx = fx;
    this.#config = config;
    this.#root = root;
    this.#profile = profile;
    this.#longestPrefix = Math.max(...deskPlaces(root, 'outgoing', batch).map((place) => place.length)) + '/output/'.length;
    this.#ours = new Set([root.ready, ...Object.values(ownNames)].map((name) => Buffer.from(name).toString('latin1')));
  }

  async add(document: BatchDocument): Promise<void> {
    const named = { id: document.id, relPath: document.relPath };
    const outputs = await this.#outputs(document);
    const fault = outputs.map((output) => this.#tooLong(output)).find((message) => message !== undefined);
    if (fault !== undefined) {
      this.#refuse(named, fault, 'use a shorter name');
      return;
    }
    const own = outputs.find((output) => this.#ours.has(output.toString('latin1')));
    if (own !== undefined)
      this.#refuse(named, `its output would be called “${displayName(own)}”, which is a name of our own`, 'rename the document');
    this.#suspects.note(outputs);
  }

  /** Whether documents may collide: then each must be compared, in the order in which they were added. */
  get suspicious(): boolean {
    return this.#suspects.any;
  }

  async compare(document: BatchDocument): Promise<void> {
    const named = { id: document.id, relPath: document.relPath };
    for (const output of await this.#outputs(document)) if (this.#tooLong(output) === undefined) this.#take(named, output);
  }

  #take(document: Named, output: Buffer): void {
    if (this.#suspects.has(output)) {
      const key = output.toString('latin1');
      const other = this.#taken.get(key) ?? this.#directories.get(key);
      if (other !== undefined && other.id !== document.id) this.#collide(document, other, output);
      else this.#taken.set(key, document);
    }
    for (let directory = directoryName(output); directory.length > 0; directory = directoryName(directory)) {
      if (!this.#suspects.has(directory)) continue;
      const name = directory.toString('latin1');
      const file = this.#taken.get(name);
      if (file !== undefined && file.id !== document.id) this.#collide(document, file, directory);
      if (!this.#directories.has(name)) this.#directories.set(name, document);
    }
  }

  #collide(document: Named, other: Named, output: Buffer): void {
    const message = (rival: Named): string =>
      `its output “${displayName(output)}” would collide with that of “${displayName(rival.relPath)}”`;
    this.#refuse(document, message(other), 'rename one of the two');
    this.#refuse(other, message(document), 'rename one of the two');
  }

  #refuse(document: Named, message: string, hint: string): void {
    if (this.faults.has(document.id)) return;
    this.faults.set(document.id, new SealError('SEAL-DOC-NAME', message, { where: displayName(document.relPath), hint }));
  }

  #tooLong(output: Buffer): string | undefined {
    const name = baseName(output).length;
    if (name > longestName) return `its output would have a name of ${name} bytes; ${longestName} are possible`;
    const path = Math.max(this.#longestPrefix, Buffer.byteLength(this.#root.outgoing)) + output.length;
    return path > longestPath ? `its output would have a path of ${path} bytes; ${longestPath} are possible` : undefined;
  }

  async #outputs(document: BatchDocument): Promise<Outputs> {
    const { relPath } = document;
    if (this.#profile === undefined) return [relPath];
    const { format, packaging } = this.#profile;
    if (format === 'auto' && this.#precision === 'possible') return formats.flatMap((one) => outputsOf(one, packaging, relPath));
    const chosen = format === 'auto' ? await this.#choose(document) : formats.find(({ name }) => name === format);
    // A document that no format accepts is refused when it is prepared, with the reason.
    return chosen === undefined ? [relPath] : outputsOf(chosen, packaging, relPath);
  }

  async #choose(document: BatchDocument): Promise<SignatureFormat | undefined> {
    return await formatOf(this.#fx, spoolFile(this.#config.dataDir, document.batch, document.seq), document.size);
  }
}

/** The format that `auto` chooses for a file, by both its ends; undefined when none accepts it. @param size bytes */
export async function formatOf({ files }: Pick<Effects, 'files'>, path: Path, size: number): Promise<SignatureFormat | undefined> {
  const head = await files.readAt(path, 0, end);
  const tail = size <= end ? head : await files.readAt(path, size - end, end);
  try {
    return formatFor('auto', new Ends(size, head, tail));
  } catch (thrown) {
    if (thrown instanceof SealError && thrown.code === 'SEAL-DOC-FORMAT') return undefined;
    throw thrown;
  }
}

/** Names of what a format makes of a document; a detached signature is the last one. */
export function outputsOf(format: SignatureFormat, wanted: Packaging | undefined, relPath: Buffer): Outputs {
  const packaging = format.packagings.find((one) => one === wanted) ?? packagingFor(format, undefined);
  const output = joinPath(directoryName(relPath), format.outputName(baseName(relPath), packaging));
  return packaging === 'detached' && !output.equals(relPath) ? [relPath, output] : [output];
}

/** The head and the tail of a document, which is all that `accepts` looks at. */
class Ends implements ByteSource {
  readonly size: number;
  readonly #head: Buffer;
  readonly #tail: Buffer;

  constructor(size: number, head: Buffer, tail: Buffer) {
    this.size = size;
    this.#head = head;
    this.#tail = tail;
  }

  read(offset: number, length: number): Buffer {
    const stop = Math.min(this.size, offset + length);
    if (stop <= this.#head.length) return Buffer.from(this.#head.subarray(offset, stop));
    const start = this.size - this.#tail.length;
    if (offset >= start) return Buffer.from(this.#tail.subarray(offset - start, stop - start));
    throw new SealError('SEAL-INTERNAL', 'a format looked into the middle of a document to find out what it is');
  }

  digest(): Buffer {
    throw new SealError('SEAL-INTERNAL', 'only the ends of the document are here');
  }
}
