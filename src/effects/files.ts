import { createHash } from 'node:crypto';
import { lstat, open, opendir, readlink, statfs, symlink, unlink, type FileHandle } from 'node:fs/promises';
import { errnoOf, SealError } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { DirectoryEntry, DiskSpace, FileInfo, Files, Path, WrittenFile } from '../ports/files.ts';
import { claimDurable, makeDirectory, renameDurable, writeDurable } from './files-durable.ts';
import { diskError, shown } from './files-errors.ts';
import { asBytes, fileInfo, nameOf, kindOf, notRegular, openForReading, openNew } from './files-open.ts';
import { HashingPool } from './files-pool.ts';
import { spread } from './files-spread.ts';
import { syncDirectory, syncTree } from './files-sync.ts';

/** The file system of this machine; whole files are copied and hashed in threads. `close` ends the threads. */
export function nodeFiles(pool = new HashingPool()): Files & { close(): Promise<void> } {
  // Removing waits for the disk more than it works: nobody's copies stand behind it.
  const removing = new HashingPool(1, 'removing');
  const digests = <A extends AnyDigest>(algorithms: readonly A[], values: readonly Uint8Array[]): ReadonlyMap<A, Buffer> =>
    new Map(algorithms.map((algorithm, index) => [algorithm, asBuffer(values[index])]));
  return {
    stat: lookAt,
    list,
    read: readSmall,
    readAt,
    create,
    writeDurable,
    claimDurable,
    makeDirectory,
    spread,
    rename: renameDurable,
    syncTree,
    syncDirectory,
    async remove(path) {
      await removing.run({ op: 'remove', source: latin1(path) });
    },
    space,
    async copyHashed(source, target, algorithms, signal) {
      const job = { op: 'copy', source: latin1(source), target: latin1(target), algorithms } as const;
      const { size, digests: values, before, after } = await pool.run(job, signal);
      if (before === undefined || after === undefined) throw new SealError('SEAL-INTERNAL', 'the copy came back without its source');
      return { size, digests: digests(algorithms, values), before, after };
    },
    async assemble(target, parts, source, algorithm, signal, mode = 0o644) {
      // Copies of exactly these bytes: a view of a shared pool would take the whole pool along.
      const own = parts.map((part) => (part instanceof Uint8Array ? Uint8Array.from(part) : part));
      const job = { op: 'assemble', source: latin1(source), target: latin1(target), parts: own, algorithm, mode } as const;
      const { size, digests: values } = await pool.run(job, signal);
      return { size, digest: asBuffer(values[0]) };
    },
    async digest(path, algorithms, signal) {
      const { digests: values } = await pool.run({ op: 'digest', source: latin1(path), algorithms }, signal);
      return digests(algorithms, values);
    },
    copyLink,
    close: async () => {
      await Promise.all([pool.close(), removing.close()]);
    },
  };
}

function latin1(path: Path): string {
  return joinPath(path).toString('latin1');
}

function asBuffer(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) throw new SealError('SEAL-INTERNAL', 'a digest is missing');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function lookAt(path: Path): Promise<FileInfo | undefined> {
  try {
    return fileInfo(await lstat(path, { bigint: true }));
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw diskError(cause, path, 'look at the file');
  }
}

async function* list(path: Path): AsyncIterable<DirectoryEntry> {
  const directory = joinPath(path);
  try {
    for await (const entry of await opendir(directory, asBytes)) yield { name: nameOf(entry), kind: kindOf(entry) };
  } catch (cause) {
    throw diskError(cause, directory, 'list the directory');
  }
}

/** Opens a regular file for a reader that gets its size; closes it in every case. */
async function withRegular<T>(path: Path, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  const handle = await open(path, openForReading).catch((cause: unknown) => {
    throw diskError(cause, path, 'open the file');
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw notRegular(path, kindOf(stats));
    return await use(handle, stats.size);
  } catch (cause) {
    throw diskError(cause, path, 'read the file');
  } finally {
    await handle.close();
  }
}

/** Fills the buffer from `offset`; the part that was filled. */
async function fill(handle: FileHandle, buffer: Buffer, offset: number): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function readAt(path: Path, offset: number, length: number): Promise<Buffer> {
  return await withRegular(path, (handle) => fill(handle, Buffer.alloc(length), offset));
}

async function readSmall(path: Path, maxBytes: number): Promise<Buffer> {
  return await withRegular(path, async (handle, size) => {
    // One byte more than allowed: the file may grow between the two calls.
    const buffer = Buffer.alloc(Math.min(maxBytes, size) + 1);
    const bytes = await fill(handle, buffer, 0);
    if (bytes.length < buffer.length) return bytes;
    if (size > maxBytes) throw tooLong(path, maxBytes);
    throw new SealError('SEAL-DISK-IO', 'the file grows while it is read', { where: shown(path), hint: 'wait until it is complete' });
  });
}

function tooLong(path: Path, maxBytes: number): SealError {
  return new SealError('SEAL-DOC-LIMIT', `longer than ${maxBytes} bytes`, { where: shown(path), hint: 'this file is meant to be small' });
}

/** Bytes gathered before they are written. */
const writeBuffer = 1 << 16;

async function create(target: Path, pieces: AsyncIterable<Uint8Array>, algorithm: 'sha256' | 'sha384' | 'sha512'): Promise<WrittenFile> {
  const handle = await open(target, openNew, 0o644).catch((cause: unknown) => {
    throw diskError(cause, target, 'create the file');
  });
  const hash = createHash(algorithm);
  let size = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(held);
    held = [];
    heldBytes = 0;
    hash.update(bytes);
    size += bytes.length;
    await handle.writeFile(bytes).catch((cause: unknown) => {
      throw diskError(cause, target, 'write the file');
    });
  };
  try {
    for await (const piece of pieces) {
      held.push(piece);
      heldBytes += piece.length;
      // Lines of a report are small, and each write costs as much as hundreds of them.
      if (heldBytes >= writeBuffer) await flush();
    }
    await flush();
  } catch (thrown) {
    await handle.close();
    await unlink(target).catch(() => undefined);
    throw thrown;
  }
  await handle.close();
  return { size, digest: hash.digest() };
}

async function copyLink(source: Path, target: Path): Promise<void> {
  try {
    await symlink(await readlink(source, 'buffer'), target);
  } catch (cause) {
    throw diskError(cause, target, 'make the link');
  }
}

async function space(path: Path): Promise<DiskSpace> {
  try {
    const { bsize, bavail, blocks, files, ffree } = await statfs(path, { bigint: true });
    return {
      freeBytes: Number(bavail * bsize),
      totalBytes: Number(blocks * bsize),
      freeInodes: files === 0n ? Number.MAX_SAFE_INTEGER : Number(ffree),
    };
  } catch (cause) {
    throw diskError(cause, path, 'ask for free space');
  }
}
