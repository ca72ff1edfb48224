/**
 * The closed set of error codes. A code is stable: callers, scripts and docs/errors.md switch on it.
 * `exit` is the exit status of a command that ends with the error (docs/operations.md), `retryable` tells whether the same
 * action may succeed later without anybody changing the input.
 */
export const codes = {
  'SEAL-USAGE': { exit: 64, retryable: false, what: 'the command line is wrong' },
  'SEAL-CONFIG-INVALID': { exit: 78, retryable: false, what: 'the configuration does not fit the schema' },
  'SEAL-CONFIG-MISSING': { exit: 78, retryable: false, what: 'no configuration file was found' },
  'SEAL-CONFIG-SECRET': { exit: 78, retryable: false, what: 'a secret cannot be read or is not kept private' },
  'SEAL-CONFIG-PROFILE': { exit: 78, retryable: false, what: 'a signing profile cannot work as configured' },
  'SEAL-CONFIG-TRUST': { exit: 78, retryable: false, what: 'a certificate file that the configuration trusts cannot be read' },
  'SEAL-INTERNAL': { exit: 70, retryable: false, what: 'a defect of Sealtree itself' },
  'SEAL-INTERRUPTED': { exit: 130, retryable: true, what: 'stopped by a signal' },
  'SEAL-NOT-PERMITTED': { exit: 77, retryable: false, what: 'the caller may not do this' },
  'SEAL-DAEMON-RUNNING': { exit: 69, retryable: true, what: 'another daemon owns the data directory' },
  'SEAL-DAEMON-ABSENT': { exit: 69, retryable: true, what: 'the command needs a running daemon' },
  'SEAL-STORE-ABSENT': { exit: 69, retryable: true, what: 'the data directory holds no database' },
  'SEAL-STORE-BUSY': { exit: 75, retryable: true, what: 'the database is in use' },
  'SEAL-STORE-CORRUPT': { exit: 70, retryable: false, what: 'the database is damaged' },
  'SEAL-STORE-SCHEMA': { exit: 69, retryable: false, what: 'the database has a schema this version does not know' },
  'SEAL-DISK-FULL': { exit: 75, retryable: true, what: 'too little room on a file system' },
  'SEAL-DISK-READONLY': { exit: 69, retryable: true, what: 'a file system cannot be written' },
  'SEAL-DISK-IO': { exit: 69, retryable: true, what: 'reading or writing failed' },
  'SEAL-ROOT-OWNED': { exit: 69, retryable: false, what: 'a root belongs to another data directory' },
  'SEAL-ROOT-UNUSABLE': { exit: 69, retryable: true, what: 'a directory of a root cannot be used' },
  'SEAL-BATCH-UNKNOWN': { exit: 65, retryable: false, what: 'no such batch' },
  'SEAL-BATCH-STATE': { exit: 75, retryable: true, what: 'the batch is in a state that does not allow this' },
  'SEAL-BATCH-ENDED': { exit: 65, retryable: false, what: 'the batch has ended and nothing is left to be done' },
  'SEAL-BATCH-EMPTY': { exit: 65, retryable: false, what: 'the batch holds no document' },
  'SEAL-BATCH-SEMAPHORE': { exit: 65, retryable: false, what: 'the approval semaphore is not a readable regular file or malformed' },
  'SEAL-BATCH-NOT-PERMITTED': { exit: 77, retryable: false, what: 'the semaphore asks for what the root does not permit' },
  'SEAL-BATCH-APPROVAL': { exit: 77, retryable: false, what: 'the approval does not satisfy the rule of the root' },
  'SEAL-BATCH-DUPLICATE': { exit: 65, retryable: false, what: 'same path and same hashes as an earlier batch' },
  'SEAL-BATCH-CHANGED': { exit: 75, retryable: true, what: 'the batch changed while it was read' },
  'SEAL-BATCH-CANCELLED': { exit: 65, retryable: true, what: 'cancelled by an operator' },
  'SEAL-BATCH-TIMEOUT': { exit: 75, retryable: true, what: 'the batch waited longer than maxWait' },
  'SEAL-DOC-TYPE': { exit: 65, retryable: false, what: 'not a regular file (link, FIFO, socket, device)' },
  'SEAL-DOC-NAME': { exit: 65, retryable: false, what: 'the output name cannot exist or collides' },
  'SEAL-DOC-FORMAT': { exit: 65, retryable: false, what: 'the profile does not fit this kind of file' },
  'SEAL-DOC-DAMAGED': { exit: 65, retryable: false, what: 'the document is damaged' },
  'SEAL-DOC-ENCRYPTED': { exit: 65, retryable: false, what: 'the document is encrypted and its password is missing or wrong' },
  'SEAL-DOC-FORBIDS': { exit: 65, retryable: false, what: 'the document forbids another signature' },
  'SEAL-DOC-LIMIT': { exit: 65, retryable: false, what: 'the document exceeds a limit of the parser' },
  'SEAL-DOC-HASH': { exit: 65, retryable: false, what: 'the document is not the one named in the semaphore' },
  'SEAL-INPUT-INVALID': { exit: 65, retryable: false, what: 'data from outside is malformed' },
  'SEAL-INPUT-MISSING': { exit: 65, retryable: false, what: 'a named file does not exist or cannot be read' },
  'SEAL-KEY-UNKNOWN': { exit: 78, retryable: false, what: 'no such key or pool' },
  'SEAL-KEY-EXISTS': { exit: 65, retryable: false, what: 'a key lies there already, and nothing is overwritten' },
  'SEAL-KEY-MISMATCH': { exit: 69, retryable: false, what: 'private key and certificate do not belong together' },
  'SEAL-KEY-CERTIFICATE': { exit: 69, retryable: false, what: 'the certificate is expired, not yet valid, or not meant for signing' },
  'SEAL-KEY-PASSPHRASE': { exit: 77, retryable: false, what: 'the passphrase of the key file is wrong' },
  'SEAL-KEY-PIN-NEEDED': { exit: 75, retryable: true, what: 'the card waits for its PIN' },
  'SEAL-KEY-PIN-INCORRECT': { exit: 77, retryable: false, what: 'the PIN is wrong' },
  'SEAL-KEY-PIN-LOCKED': { exit: 69, retryable: false, what: 'the PIN is locked' },
  'SEAL-KEY-PIN-LAST-TRY': { exit: 77, retryable: false, what: 'one try is left; only a person may use it' },
  'SEAL-KEY-ABSENT': { exit: 69, retryable: true, what: 'the card or token is not present' },
  'SEAL-KEY-LIMIT': { exit: 75, retryable: true, what: 'the activation is used up' },
  'SEAL-KEY-STACK': {
    exit: 75,
    retryable: true,
    what: 'the key signs the documents of its stack only, or the stack is not what was shown',
  },
  'SEAL-KEY-DEVICE': { exit: 69, retryable: true, what: 'card, reader or driver reported an error' },
  'SEAL-KEY-MODULE': { exit: 69, retryable: false, what: 'the PKCS#11 module cannot be loaded' },
  'SEAL-KEY-MECHANISM': { exit: 69, retryable: false, what: 'the key does not offer the mechanism the profile needs' },
  'SEAL-KEY-DENIED': { exit: 77, retryable: false, what: 'the root may not use this key' },
  'SEAL-SIGN-DOUBT': { exit: 75, retryable: true, what: 'a signature may have been made without being recorded; a person decides' },
  'SEAL-SIGN-BAD': { exit: 70, retryable: true, what: 'a new signature does not verify' },
  'SEAL-VERIFY-FAILED': { exit: 1, retryable: false, what: 'verification before release failed' },
  'SEAL-TRUST-REVOCATION': { exit: 75, retryable: true, what: 'revocation data cannot be had' },
  'SEAL-TSA-UNAVAILABLE': { exit: 75, retryable: true, what: 'no timestamp authority answered' },
  'SEAL-TSA-REFUSED': { exit: 69, retryable: true, what: 'the timestamp authority refused the request' },
  'SEAL-TSA-INVALID': { exit: 69, retryable: true, what: 'the answer of the timestamp authority cannot be believed' },
  'SEAL-TSA-QUOTA': { exit: 75, retryable: true, what: 'the quota of the timestamp authority is used up' },
  'SEAL-ARCHIVE-UNKNOWN': { exit: 65, retryable: false, what: 'the archive does not hold this document' },
  'SEAL-ARCHIVE-OPEN': { exit: 75, retryable: true, what: 'the tree is not anchored yet' },
  'SEAL-ARCHIVE-FORMAT': { exit: 65, retryable: false, what: 'the record cannot be had in this format' },
  'SEAL-ARCHIVE-DAMAGED': { exit: 1, retryable: false, what: 'the archive does not check' },
  'SEAL-NOTIFY': { exit: 69, retryable: true, what: 'a notification cannot be delivered' },
  'SEAL-HTTP': { exit: 69, retryable: true, what: 'an HTTP request failed' },
} as const satisfies Record<string, { exit: number; retryable: boolean; what: string }>;

export type ErrorCode = keyof typeof codes;

export interface ErrorDetails {
  /** What the operator should do about it: one sentence in the imperative. */
  readonly hint?: string;
  /** Where: a path, a setting, a key. Escaped for display, without secrets. */
  readonly where?: string;
  readonly cause?: unknown;
  /** Overrides the default of the code. */
  readonly retryable?: boolean;
}

/** Plain form of a SealError: what crosses thread, process and socket boundaries and what `--json` prints. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: string;
  readonly hint?: string;
  readonly retryable: boolean;
}

/** The one error class: a stable code, what went wrong, where, and what to do about it. */
export class SealError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly where: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SealError';
    this.code = code;
    this.hint = details.hint;
    this.where = details.where;
    this.retryable = details.retryable ?? codes[code].retryable;
  }

  get exit(): number {
    return codes[this.code].exit;
  }

  toJSON(): ErrorReport {
    return {
      code: this.code,
      message: this.message,
      ...(this.where === undefined ? {} : { where: this.where }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      retryable: this.retryable,
    };
  }

  /** Rebuilds an error that came over a boundary as plain data. */
  static from(report: ErrorReport): SealError {
    return new SealError(report.code, report.message, {
      ...(report.hint === undefined ? {} : { hint: report.hint }),
      ...(report.where === undefined ? {} : { where: report.where }),
      retryable: report.retryable,
    });
  }
}

/** Any thrown value as a SealError; what has no code of its own is a defect of ours (`SEAL-INTERNAL`, exit 70). */
export function asSealError(thrown: unknown): SealError {
  if (thrown instanceof SealError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SealError('SEAL-INTERNAL', message, {
    cause: thrown,
    hint: 'please report this with the log lines around it',
  });
}

/** The errno name (`ENOENT`, `EXDEV`…) of a system error, or of the one that a SealError has as its cause. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof SealError) return thrown.cause === undefined ? undefined : errnoOf(thrown.cause);
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
