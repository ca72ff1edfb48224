import { lstatSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import { diskError } from './files-errors.ts';
import { asBytes, nameOf } from './files-open.ts';

/** Names removed between two points at which the job can be put aside. */
const stretch = 64;
/** Times that a directory is looked through again because names appeared while it was emptied. */
const patience = 100;

/** Removes a file or a tree. Links are removed, never followed; nothing there is fine. Memory grows with the depth only. */
export function* removeTree(path: Buffer): Generator<void, void> {
  try {
    if (lstatSync(path).isDirectory()) yield* emptyOut(path);
    else unlinkSync(path);
  } catch (cause) {
    if (!gone(cause)) throw diskError(cause, path, 'remove it');
  }
}

function* emptyOut(directory: Buffer): Generator<void, void> {
  for (let round = 0; ; round++) {
    yield* removeChildren(directory);
    try {
      rmdirSync(directory);
      return;
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOTEMPTY' || round >= patience) throw cause;
    }
  }
}

function* removeChildren(directory: Buffer): Generator<void, void> {
  const entries = opendirSync(directory, asBytes);
  try {
    let count = 0;
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const child = joinPath(directory, nameOf(entry));
      if (entry.isDirectory()) yield* removeTree(child);
      else removeFile(child);
      if (++count % stretch === 0) yield;
    }
  } finally {
    entries.closeSync();
  }
}

function removeFile(path: Buffer): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (!gone(cause)) throw diskError(cause, path, 'remove it');
  }
}

function gone(cause: unknown): boolean {
  return errnoOf(cause) === 'ENOENT';
}
