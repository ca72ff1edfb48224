import { constants, sign } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { SealError } from '../../errors.ts';
import { signsWith } from '../../formats/algorithms.ts';
import type { KeyObject } from 'node:crypto';
import type { KeyType, SignatureAlgorithm } from '../../model/algorithms.ts';
import type { SigningKey } from '../../ports/keys.ts';

/** Documents whose intents are committed together: a commit costs as much as some dozen signatures. */
const chunk = 64;

/**
 * A private key in memory that signs in libuv's thread pool. The caller has seen that the certificate is that of the key.
 * @param chain DER, signer first
 */
export function softwareKey(name: string, privateKey: KeyObject, keyType: KeyType, chain: readonly Buffer[]): SigningKey {
  return {
    name,
    chain,
    keyType,
    // One more than cores: the next is there when a thread comes back.
    concurrency: availableParallelism() + 1,
    chunk,
    trusted: true,
    supports: (algorithm) => signsWith(keyType, algorithm),
    sign: (data, algorithm, call) => signInPool(name, privateKey, keyType, data, algorithm, call?.signal),
  };
}

function signInPool(
  name: string,
  key: KeyObject,
  keyType: KeyType,
  data: Buffer,
  algorithm: SignatureAlgorithm,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    if (!signsWith(keyType, algorithm)) throw new SealError('SEAL-KEY-MECHANISM', `${name}: a ${keyType.type} key cannot sign like that`);
    const pss = algorithm.padding === 'pss' && keyType.type.startsWith('rsa');
    const options = pss ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : key;
    sign(keyType.type === 'ed25519' ? null : algorithm.digest, data, options, (cause, signature) => {
      if (cause) reject(new SealError('SEAL-KEY-DEVICE', `${name}: ${cause.message}`, { where: name, cause }));
      else resolve(signature);
    });
  });
}
