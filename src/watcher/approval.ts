import { errnoOf, SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import type { SemaphoreOptions } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import { parseSemaphore, semaphoreLimit } from './semaphore.ts';

/**
 * Whether a directory is approved as its root demands. `malformed`: somebody approved it, but what he wrote is wrong; such a batch is claimed
 * and goes to failed/ with the reason, so that the producer hears of it. `denied`: an approval that does not count; nothing is touched.
 */
export type Approval =
  | { readonly kind: 'approved'; readonly options: SemaphoreOptions }
  | { readonly kind: 'malformed'; readonly error: SealError }
  | { readonly kind: 'denied'; readonly error: SealError }
  | { readonly kind: 'absent' };

/** Looks at the approval of a directory. Hostile input. @param semaphore its name; empty in quiet mode. @throws SealError SEAL-DISK-* */
export async function readApproval(
  { files }: Pick<Effects, 'files'>,
  root: Pick<RootConfig, 'approval'>,
  directory: Buffer,
  semaphore: Buffer,
): Promise<Approval> {
  const quiet = root.approval.mode === 'quiet';
  const path = quiet ? directory : joinPath(directory, semaphore);
  const info = await files.stat(path);
  if (info?.kind !== (quiet ? 'directory' : 'file')) return { kind: 'absent' };
  const { owner } = root.approval;
  // A hard link lends the approval of one batch to another.
  if (owner !== undefined && (info.uid !== owner || (!quiet && info.links > 1)))
    return { kind: 'denied', error: notTheOwner(path, owner, info) };
  if (quiet) return { kind: 'approved', options: {} };
  try {
    return { kind: 'approved', options: parseSemaphore(await files.read(path, semaphoreLimit)) };
  } catch (thrown) {
    if (!(thrown instanceof SealError)) throw thrown;
    return refusal(thrown, path);
  }
}

function refusal(error: SealError, path: Buffer): Approval {
  const where = displayName(path);
  if (error.code === 'SEAL-BATCH-SEMAPHORE') return { kind: 'malformed', error: located(error, path) };
  if (error.code === 'SEAL-DOC-LIMIT')
    return { kind: 'malformed', error: new SealError('SEAL-BATCH-SEMAPHORE', 'the semaphore is too long', { where, cause: error }) };
  // Gone or replaced since it was looked at.
  if (error.code === 'SEAL-DOC-TYPE' || error.code === 'SEAL-INPUT-MISSING') return { kind: 'absent' };
  const errno = errnoOf(error);
  if (errno !== 'EACCES' && errno !== 'EPERM') throw error;
  const hint = 'let the account of Sealtree read it';
  return { kind: 'denied', error: new SealError('SEAL-BATCH-SEMAPHORE', 'the semaphore cannot be read', { where, hint, cause: error }) };
}

function located(error: SealError, path: Buffer): SealError {
  return new SealError(error.code, error.message, {
    where: displayName(path),
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function notTheOwner(path: Buffer, owner: number, found: { readonly uid: number; readonly links: number }): SealError {
  const message =
    found.uid === owner
      ? 'the semaphore is a hard link, which approves nothing here'
      : `approved by uid ${found.uid}, but this root demands uid ${owner}`;
  return new SealError('SEAL-BATCH-APPROVAL', message, {
    where: displayName(path),
    hint: `let the account with uid ${owner} write the semaphore, or change approval.owner of the root`,
  });
}
