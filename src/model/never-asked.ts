import { SealError, asSealError } from '../errors.ts';

/**
 * A signature failed before its key was asked for it (C_Sign was not called, PKCS#11 §5.13): it has certainly not been made, and its intent is
 * unspent. An error of its own each time: the same report may stand elsewhere for a signature that is in doubt.
 */
export class NeverAsked extends SealError {
  /** @param thrown why it failed */
  constructor(thrown: unknown) {
    const { code, message, where, hint, retryable } = asSealError(thrown);
    const place = { ...(where === undefined ? {} : { where }), ...(hint === undefined ? {} : { hint }) };
    super(code, message, { ...place, retryable, cause: thrown });
  }
}
