import { sha256 } from '../formats/digests.ts';
import { joinPath } from '../formats/names.ts';
import { reservedName } from '../formats/places.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { deskOf, type Delivery } from './delivery.ts';

type RetentionEffects = Pick<Effects, 'clock' | 'files'>;

/** Where originals went: one note a path, so that a later batch at the same path takes the place of an earlier one. */
interface Note {
  /** latin1 of its bytes. */
  readonly path: string;
  /** Of the directory; another directory at this path is not ours to remove. */
  readonly inode: string;
  /** UTC ms */
  readonly at: number;
}

const noteLimit = 1 << 16;

function ledgerOf(root: RootConfig): Buffer {
  return joinPath(root.path, reservedName, 'retention');
}

function entryOf(root: RootConfig, path: Buffer): Buffer {
  return joinPath(ledgerOf(root), sha256(path).toString('hex'));
}

/** Remembers where the originals of a batch go, so that `retention` can remove them and nothing else. Before they go: the note may be early, not late. */
export async function noteDone({ files, clock }: RetentionEffects, root: RootConfig, source: Buffer, target: Buffer): Promise<void> {
  const inode = (await files.stat(source))?.inode;
  if (inode === undefined) return;
  const note: Note = { path: target.toString('latin1'), inode, at: clock.now() };
  await files.makeDirectory(ledgerOf(root), 0o700);
  await files.writeDurable(entryOf(root, target), Buffer.from(JSON.stringify(note)), 0o600);
}

/** Whether a directory below done holds the originals of a batch. */
export async function isNoted({ files }: Pick<RetentionEffects, 'files'>, root: RootConfig, directory: Buffer): Promise<boolean> {
  return (await files.stat(entryOf(root, directory))) !== undefined;
}

/** Removes originals whose `retention` is over. @returns how many batches @throws SealError SEAL-ROOT-UNUSABLE, SEAL-DISK-* */
export async function retireOriginals({ files, clock }: RetentionEffects, { root }: Pick<Delivery, 'root'>): Promise<number> {
  const { retention } = root;
  const ledger = ledgerOf(root);
  if (retention === undefined || (await files.stat(ledger)) === undefined) return 0;
  // Where done is not there now, its originals are not gone.
  await deskOf({ files }, root, 'done', '');
  let retired = 0;
  for await (const { name } of files.list(ledger)) {
    const entry = joinPath(ledger, name);
    const note = readNote(await files.read(entry, noteLimit));
    if (note === undefined || clock.now() - note.at < retention) continue;
    const originals = Buffer.from(note.path, 'latin1');
    if ((await files.stat(originals))?.inode === note.inode) {
      await files.remove(originals);
      retired++;
    }
    await files.remove(entry);
  }
  return retired;
}

function readNote(bytes: Buffer): Note | undefined {
  try {
    const note = JSON.parse(bytes.toString('utf8')) as Partial<Note>;
    const { path, inode, at } = note;
    return typeof path === 'string' && typeof inode === 'string' && typeof at === 'number' ? { path, inode, at } : undefined;
  } catch {
    // A temporary file that a kill left: no note.
    return undefined;
  }
}
