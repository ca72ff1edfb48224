import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import type { KeyKind } from '../../src/authority/signing.ts';

const cache = new URL('../../node_modules/.cache/sealtree-test-keys/', import.meta.url).pathname;
const curves: Partial<Record<KeyKind, string>> = { p256: 'P-256', p384: 'P-384', p521: 'P-521' };

/** A private key of the kind; RSA keys are made once on this machine and read back afterwards. */
export function testKey(kind: KeyKind, name = 'default'): KeyObject {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519').privateKey;
  if (!kind.startsWith('rsa')) return generateKeyPairSync('ec', { namedCurve: curves[kind] ?? kind }).privateKey;
  const file = join(cache, `${kind}-${name}.pem`);
  if (existsSync(file)) return createPrivateKey(readFileSync(file));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) });
  mkdirSync(cache, { recursive: true });
  const temporary = `${file}.${randomUUID()}`;
  writeFileSync(temporary, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  renameSync(temporary, file);
  return privateKey;
}
