import { joinPath } from './names.ts';
import type { RootConfig } from '../model/config.ts';

/** Our own directory in a root and in its trees: never a batch, never a document. */
export const reservedName = '.sealtree';

/** Names of our own files at the top of a directory that we hand over. */
export const ownNames = { report: 'batch-report.json', reportHtml: 'batch-report.html', failed: 'FAILED', error: 'error.json' } as const;

type Trees = Pick<RootConfig, 'path' | 'incoming' | 'outgoing' | 'failed' | 'done'>;

/** The private copies of a batch's documents; it goes when the batch has ended, so that its presence tells that it has not. */
export function spoolDirectory(dataDir: string, batch: string): Buffer {
  return joinPath(dataDir, 'spool', batch);
}

/** The private copy of one document. */
export function spoolFile(dataDir: string, batch: string, seq: number): Buffer {
  return joinPath(spoolDirectory(dataDir, batch), String(seq));
}

/**
 * Where claimed batches lie: in the root; in incoming itself where that is a file system of its own; in failed for a retry where that is one.
 * A rename needs one file system, so the first is used where it works.
 */
export function claimPlaces(root: Trees): readonly [Buffer, Buffer, Buffer] {
  return [
    joinPath(root.path, reservedName, 'claimed'),
    joinPath(root.incoming, reservedName, 'claimed'),
    joinPath(root.failed, reservedName, 'claimed'),
  ];
}

/**
 * The private directory of a batch on the file system of a tree, from which finished work is renamed into that tree: `outgoing` is prepared
 * in the first place where root and tree share a file system, else in the second.
 */
export function deskPlaces(root: Trees, tree: 'outgoing' | 'failed' | 'done', batch: string): readonly [Buffer, Buffer] {
  return [joinPath(root.path, reservedName, tree, batch), joinPath(root[tree], reservedName, tree, batch)];
}

/** Whose root it is. */
export function ownerMarker(root: Trees): Buffer {
  return joinPath(root.path, reservedName, 'owner');
}
