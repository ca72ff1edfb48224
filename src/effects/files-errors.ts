import { SealError, type ErrorCode, type ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { Path } from '../ports/files.ts';

const rights = 'give the account that Sealtree runs under the rights to this place';
const meanings: Readonly<Record<string, { readonly code: ErrorCode; readonly what?: string; readonly hint: string }>> = {
  ENOSPC: {
    code: 'SEAL-DISK-FULL',
    what: 'the file system is full',
    hint: 'make room on this file system (bytes or inodes); work goes on by itself',
  },
  EDQUOT: { code: 'SEAL-DISK-FULL', what: 'the quota is used up', hint: 'raise the quota or make room; work goes on by itself' },
  EROFS: {
    code: 'SEAL-DISK-READONLY',
    what: 'the file system is read-only',
    hint: 'mount the file system writable; the kernel log tells why it is not',
  },
  ENOENT: { code: 'SEAL-INPUT-MISSING', what: 'it is not there', hint: 'it was removed or renamed, or its file system is not mounted' },
  ENOTDIR: { code: 'SEAL-INPUT-MISSING', hint: 'a part of the path is not a directory' },
  ELOOP: { code: 'SEAL-DOC-TYPE', hint: 'links are not followed: put the file itself there' },
  ENXIO: { code: 'SEAL-DOC-TYPE', hint: 'only regular files are read' },
  EACCES: { code: 'SEAL-DISK-IO', what: 'permission denied', hint: rights },
  EPERM: { code: 'SEAL-DISK-IO', what: 'not permitted', hint: rights },
  EXDEV: { code: 'SEAL-DISK-IO', hint: 'both places must lie on one file system for this' },
  EMFILE: { code: 'SEAL-DISK-IO', hint: 'raise the limit of open files (LimitNOFILE=)' },
  ENFILE: { code: 'SEAL-DISK-IO', hint: 'raise the limit of open files (fs.file-max)' },
  EIO: { code: 'SEAL-DISK-IO', what: 'the device reports an error', hint: 'check the disk or file server; the kernel log tells more' },
  ESTALE: { code: 'SEAL-DISK-IO', hint: 'the file server was restarted or its export changed: mount it again' },
  ENAMETOOLONG: { code: 'SEAL-DISK-IO', hint: 'use shorter names' },
  EEXIST: { code: 'SEAL-DISK-IO', hint: 'something of this name is there already' },
  ENOTEMPTY: { code: 'SEAL-DISK-IO', hint: 'the directory is not empty' },
};

/** A path for messages. */
export function shown(path: Path): string {
  return displayName(path);
}

/** A failed system call as a SealError; the errno error stays its cause. @param doing for the message: `cannot ${doing}` */
export function diskError(cause: unknown, path: Path, doing: string): SealError {
  if (cause instanceof SealError) return cause;
  const errno = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  const known = errno === undefined ? undefined : meanings[errno];
  const { code, what, hint } = known ?? { code: 'SEAL-DISK-IO', what: undefined, hint: 'see the cause in the log' };
  const reason = errno === undefined ? String(cause) : what === undefined ? errno : `${what} (${errno})`;
  return new SealError(code, `cannot ${doing}: ${reason}`, { where: shown(path), hint, cause });
}

/** A SealError and the errno of its cause as plain data, for the way out of a worker thread. */
export interface CrossingError {
  readonly report: ErrorReport;
  readonly errno?: string;
}

export function toCrossing(error: SealError): CrossingError {
  const { cause } = error;
  const errno = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  return { report: error.toJSON(), ...(errno === undefined ? {} : { errno }) };
}

export function fromCrossing({ report, errno }: CrossingError): SealError {
  if (errno === undefined) return SealError.from(report);
  const cause = Object.assign(new Error(report.message), { code: errno });
  return new SealError(report.code, report.message, {
    cause,
    retryable: report.retryable,
    ...(report.where === undefined ? {} : { where: report.where }),
    ...(report.hint === undefined ? {} : { hint: report.hint }),
  });
}
