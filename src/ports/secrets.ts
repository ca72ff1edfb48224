import type { SecretReference } from '../model/config.ts';

/**
 * Reads a PIN, passphrase or password at the moment it is needed. The Buffer belongs to the caller, who zeroes it after use; one
 * trailing line break of a file is not part of the secret. Errors: `SEAL-CONFIG-SECRET` (missing, or readable by others).
 */
export type SecretReader = (reference: SecretReference) => Buffer | Promise<Buffer>;
