import { sign, type KeyObject } from 'node:crypto';
import { bufferSource } from '../src/formats/memory-source.ts';
import type { SignParameters } from '../src/model/signature.ts';
import type { SignatureFormat } from '../src/ports/format.ts';
import { testAuthority, type TestIdentity } from '../test/support/authority.ts';

export const identity = (keyType: 'rsa2048' | 'rsa3072'): TestIdentity => testAuthority().issue({ keyType, profile: 'signer' });

/** The floor: what the key alone costs. */
export function rawSign(key: KeyObject, n: number): () => void {
  const data = Buffer.alloc(200, 1);
  return () => {
    for (let i = 0; i < n; i++) sign('sha256', data, key);
  };
}

/** Signs one document `n` times in memory, all of the format's own work included. An output is its parts: the input is not copied. */
export function signInMemory(format: SignatureFormat, { chain, privateKey }: TestIdentity, document: Buffer, n: number): () => void {
  const parameters: SignParameters = {
    chain,
    digest: 'sha256',
    padding: 'pkcs1',
    level: 'B-B',
    packaging: format.packagings[0] ?? 'detached',
    signingTime: Date.UTC(2026, 10, 22),
  };
  return () => {
    for (let i = 0; i < n; i++) {
      const prepared = format.prepare(bufferSource(document), parameters);
      format.finish(prepared, sign('sha256', prepared.toBeSigned, privateKey));
    }
  };
}
