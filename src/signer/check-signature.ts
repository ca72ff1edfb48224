import { constants, verify } from 'node:crypto';
import { SealError } from '../errors.ts';
import type { KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '../model/algorithms.ts';

/**
 * Verifies a signature value that a key has just made, in the thread pool: nothing a card or driver garbled goes any further.
 * @param publicKey of the certificate
 * @param signature RSA block, DER SEQUENCE {r, s}, or the 64 octets of Ed25519
 * @throws SealError SEAL-SIGN-BAD
 */
export async function checkSignature(
  name: string,
  publicKey: KeyObject,
  algorithm: SignatureAlgorithm,
  data: Buffer,
  signature: Buffer,
): Promise<void> {
  const type = publicKey.asymmetricKeyType;
  const pss = type?.startsWith('rsa') === true && algorithm.padding === 'pss';
  const key = pss
    ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key: publicKey, dsaEncoding: 'der' as const };
  const good = await new Promise<boolean>((resolve) => {
    verify(type === 'ed25519' ? null : algorithm.digest, data, key, signature, (error, result) => {
      resolve(error === null && result);
    });
  });
  if (!good)
    throw new SealError('SEAL-SIGN-BAD', `${name}: the signature does not verify with the certificate’s public key`, {
      where: name,
      hint: 'certificate and key may not belong together, or card and driver garble data: “sealtree key test”',
    });
}
