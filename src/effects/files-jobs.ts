import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { createHash, type Hash } from 'node:crypto';
import { SealError } from '../errors.ts';
import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';
import type { ByteRange } from '../ports/bytes.ts';
import type { FileInfo } from '../ports/files.ts';
import { diskError, shown } from './files-errors.ts';
import { fileInfo, openNew, openRegular, type OpenedFile } from './files-open.ts';
import { removeTree } from './files-remove.ts';
import { reflink } from './reflink.ts';

/** Work that reads or writes whole files. Paths are the latin1 form of their bytes: strings cross between threads cheaply. */
export type FileJob =
  | { readonly op: 'copy'; readonly source: string; readonly target: string; readonly algorithms: readonly DigestAlgorithm[] }
  | {
      readonly op: 'assemble';
      readonly source: string;
      readonly target: string;
      readonly parts: readonly (Uint8Array | ByteRange)[];
      readonly algorithm: DigestAlgorithm;
      readonly mode: number;
    }
  | { readonly op: 'digest'; readonly source: string; readonly algorithms: readonly AnyDigest[] }
  /** A file or a whole tree; nothing there is fine. */
  | { readonly op: 'remove'; readonly source: string };

export interface FileJobResult {
  readonly size: number;
  /** In the order of the algorithms. */
  readonly digests: readonly Uint8Array[];
  readonly before?: FileInfo;
  readonly after?: FileInfo;
}

const chunk = 1 << 20;
/** Bytes between two points at which a job can be put aside for others, or ended. */
const turn = 4 * chunk;
const block = 65_536;
const zeros = Buffer.alloc(block);
// One buffer for the thread: between two steps of a job nothing is kept in it.
const buffer = Buffer.allocUnsafeSlow(chunk);

const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

/** A job in steps of a few milliseconds, so that one large file does not keep small ones waiting. Ending it early leaves no target. */
export function* fileJob(job: FileJob): Generator<void, FileJobResult> {
  const path = bytes(job.source);
  if (job.op === 'remove') {
    yield* removeTree(path);
    return { size: 0, digests: [] };
  }
  if (job.op === 'assemble' && !job.parts.some(isRange)) return yield* assemble(undefined, bytes(job.target), job);
  const reader = new Reader(path, openRegular(path));
  try {
    if (job.op === 'digest') return yield* digest(reader, job.algorithms);
    return yield* job.op === 'copy' ? copy(reader, bytes(job.target), job.algorithms) : assemble(reader, bytes(job.target), job);
  } finally {
    closeSync(reader.file.descriptor);
  }
}

const isRange = (part: Uint8Array | ByteRange): part is ByteRange => !(part instanceof Uint8Array);

class Reader {
  readonly path: Buffer;
  readonly file: OpenedFile;
  constructor(path: Buffer, file: OpenedFile) {
    this.path = path;
    this.file = file;
  }

  get size(): number {
    return Number(this.file.stats.size);
  }

  /** Fills the thread's buffer from `offset`; shorter only at the end of the file. */
  fill(offset: number, length: number, descriptor = this.file.descriptor): Buffer {
    const wanted = Math.min(length, chunk);
    let filled = 0;
    try {
      while (filled < wanted) {
        const got = readSync(descriptor, buffer, filled, wanted - filled, offset + filled);
        if (got === 0) break;
        filled += got;
      }
    } catch (cause) {
      throw diskError(cause, this.path, 'read the file');
    }
    return buffer.subarray(0, filled);
  }
}

function* digest(reader: Reader, algorithms: readonly AnyDigest[]): Generator<void, FileJobResult> {
  const hashes = algorithms.map((algorithm) => createHash(algorithm));
  const size = yield* feed(reader, hashes, reader.file.descriptor);
  return { size, digests: hashes.map((hash) => hash.digest()) };
}

/** Reads at most the size seen at the beginning: a file that grows while it is read ends all the same, and its times tell. */
function* feed(
  reader: Reader,
  hashes: readonly Hash[],
  descriptor: number,
  write?: (piece: Buffer, at: number) => void,
): Generator<void, number> {
  let at = 0;
  while (at < reader.size) {
    const piece = reader.fill(at, reader.size - at, descriptor);
    if (piece.length === 0) break;
    for (const hash of hashes) hash.update(piece);
    write?.(piece, at);
    at += piece.length;
    if (at % turn === 0) yield;
  }
  return at;
}

function* copy(reader: Reader, target: Buffer, algorithms: readonly DigestAlgorithm[]): Generator<void, FileJobResult> {
  const hashes = algorithms.map((algorithm) => createHash(algorithm));
  const { descriptor: source, stats } = reader.file;
  if (stats.size >= BigInt(chunk) && reflink({ descriptor: source, device: stats.dev, path: reader.path }, target)) {
    const output = openCopy(target);
    return yield* finishing(target, output, function* () {
      fchmodSync(output, 0o600);
      const size = yield* feed(reader, hashes, output);
      return copied(size);
    });
  }
  const output = openTarget(target, 0o600);
  // Only where the source has holes: looking for zeros costs a few percent.
  const sparse = stats.blocks * 512n < stats.size;
  return yield* finishing(target, output, function* () {
    const size = yield* feed(reader, hashes, source, (piece, at) => {
      if (sparse) writeSparse(output, target, piece, at);
      else write(output, target, piece, at);
    });
    if (sparse) ftruncateSync(output, size);
    return copied(size);
  });

  function copied(size: number): FileJobResult {
    const after = fileInfo(fstatSync(source, { bigint: true }));
    return { size, digests: hashes.map((hash) => hash.digest()), before: fileInfo(stats), after };
  }
}

/** @param reader of the source; undefined where no part is a range of it: a detached signature */
function* assemble(reader: Reader | undefined, target: Buffer, job: Extract<FileJob, { op: 'assemble' }>): Generator<void, FileJobResult> {
  const hash = createHash(job.algorithm);
  const output = openTarget(target, job.mode);
  return yield* finishing(target, output, function* () {
    let at = 0;
    for (const part of job.parts) {
      if (!isRange(part)) {
        hash.update(part);
        at += write(output, target, part, at);
      } else if (reader !== undefined) at += yield* range(reader, part, at);
    }
    return { size: at, digests: [hash.digest()] };
  });

  function* range(source: Reader, { offset, length }: ByteRange, at: number): Generator<void, number> {
    for (let done = 0; done < length;) {
      const piece = source.fill(offset + done, length - done);
      if (piece.length === 0) throw tooShort(source.path);
      hash.update(piece);
      write(output, target, piece, at + done);
      done += piece.length;
      if (done % turn === 0) yield;
    }
    return length;
  }
}

/** Closes the target in every case, and removes it unless the work came to its end. */
function* finishing(target: Buffer, descriptor: number, work: () => Generator<void, FileJobResult>): Generator<void, FileJobResult> {
  let complete = false;
  try {
    const result = yield* work();
    complete = true;
    return result;
  } finally {
    closeSync(descriptor);
    if (!complete) removeQuietly(target);
  }
}

/** What cannot be removed now is removed with the spool or the staging directory; the first error is the one that counts. */
function removeQuietly(target: Buffer): void {
  try {
    unlinkSync(target);
  } catch {
    return;
  }
}

function openTarget(target: Buffer, mode: number): number {
  try {
    return openSync(target, openNew, mode);
  } catch (cause) {
    throw diskError(cause, target, 'create the file');
  }
}

function openCopy(target: Buffer): number {
  try {
    return openSync(target, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (cause) {
    throw diskError(cause, target, 'open the copy');
  }
}

function write(descriptor: number, target: Buffer, piece: Uint8Array, at: number): number {
  try {
    for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done, piece.length - done, at + done);
  } catch (cause) {
    throw diskError(cause, target, 'write the file');
  }
  return piece.length;
}

/** Leaves out blocks of zeros; the file's length is set at the end. */
function writeSparse(descriptor: number, target: Buffer, piece: Buffer, at: number): void {
  for (let offset = 0; offset < piece.length; offset += block) {
    const part = piece.subarray(offset, offset + block);
    if (part.compare(zeros, 0, part.length) !== 0) write(descriptor, target, part, at + offset);
  }
}

function tooShort(path: Buffer): SealError {
  return new SealError('SEAL-DISK-IO', 'the private copy is shorter than it was', {
    where: shown(path),
    hint: 'the disk or somebody changed the data directory; “batch retry” copies and signs again',
  });
}
