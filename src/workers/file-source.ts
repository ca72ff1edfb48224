import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { diskError, shown } from '../effects/files-errors.ts';
import { SealError } from '../errors.ts';
import { digestRanges, type ChunkedSource } from '../formats/memory-source.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { Path } from '../ports/files.ts';

/** A file that is open for reading; `close` it. */
export interface FileSource extends ChunkedSource {
  close(): void;
}

// Measured: one reused buffer of 1 MiB hashes a fifth faster than a stream.
const chunkSize = 1024 * 1024;
let shared: Buffer | undefined;

/**
 * Opens a regular file as a source of bytes. Synchronous: for worker threads only.
 * @param follow whether a link at the end of the path is followed: only where a person named the file
 * @throws SealError SEAL-INPUT-MISSING, SEAL-DOC-TYPE for what is no regular file, SEAL-DISK-IO when reading fails or the file shrinks
 */
export function openFile(path: Path, follow = false): FileSource {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
  const descriptor = attempt(path, 'open', () => openSync(path, flags));
  try {
    const status = attempt(path, 'examine', () => fstatSync(descriptor));
    if (!status.isFile())
      throw new SealError('SEAL-DOC-TYPE', 'not a regular file', { where: shown(path), hint: 'only regular files are read' });
    return fileSource(descriptor, status.size, path);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function fileSource(descriptor: number, size: number, path: Path): FileSource {
  const fill = (buffer: Buffer, length: number, position: number): number => {
    const count = attempt(path, 'read', () => readSync(descriptor, buffer, 0, length, position));
    if (count === 0)
      throw new SealError('SEAL-DISK-IO', 'the file became shorter while it was read', { where: shown(path), hint: 'try again' });
    return count;
  };
  const source: FileSource = {
    size,
    read(offset: number, length: number): Buffer {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = Buffer.allocUnsafeSlow(wanted);
      for (let at = 0; at < wanted;) at += fill(bytes.subarray(at), wanted - at, offset + at);
      return bytes;
    },
    each(offset: number, length: number, call: (chunk: Buffer) => void): void {
      const end = Math.min(offset + length, size);
      // Taken away while it is in use: a call that reads the source again must not overwrite its own chunk.
      const buffer = shared ?? Buffer.allocUnsafeSlow(chunkSize);
      shared = undefined;
      for (let at = offset; at < end;) {
        const count = fill(buffer, Math.min(chunkSize, end - at), at);
        call(buffer.subarray(0, count));
        at += count;
      }
      shared = buffer;
    },
    digest: (algorithm: AnyDigest, parts?: readonly OutputPart[]): Buffer => digestRanges(source, algorithm, parts),
    close: () => {
      closeSync(descriptor);
    },
  };
  return source;
}

function attempt<T>(path: Path, doing: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw diskError(cause, path, doing);
  }
}
