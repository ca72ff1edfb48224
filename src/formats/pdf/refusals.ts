import { SealError } from '../../errors.ts';

const repair =
  'save the document again with the program that made it, or repair it with `qpdf IN OUT` and look at the result before it is signed';

/** SEAL-DOC-DAMAGED: readers that repair such a file disagree about what it shows, so nobody could say what was signed. @param at byte offset */
export function damaged(message: string, at?: number): SealError {
  return new SealError('SEAL-DOC-DAMAGED', `PDF: ${message}`, { hint: repair, ...(at === undefined ? {} : { where: `byte ${at}` }) });
}

/** SEAL-DOC-FORMAT: sound perhaps, but of a kind that is not signed. */
export function notSupported(message: string, hint = repair): SealError {
  return new SealError('SEAL-DOC-FORMAT', `PDF: ${message}`, { hint });
}

/** SEAL-DOC-LIMIT: a limit of the reader is exceeded, by a hostile document or an extraordinary one. */
export function beyondLimit(message: string): SealError {
  return new SealError('SEAL-DOC-LIMIT', `PDF: ${message}`, {
    hint: 'split the document, or sign it detached (format cades)',
  });
}

/** SEAL-DOC-ENCRYPTED: without its password the document cannot be read. */
export function locked(message: string, hint = 'set its password as documentPassword of the root'): SealError {
  return new SealError('SEAL-DOC-ENCRYPTED', `PDF: ${message}`, { hint });
}

/** SEAL-DOC-FORBIDS: its author or an earlier signer has excluded what was asked for. */
export function forbidden(message: string, hint: string): SealError {
  return new SealError('SEAL-DOC-FORBIDS', `PDF: ${message}`, { hint });
}
