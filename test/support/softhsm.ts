import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { softhsmModule } from './tools.ts';
import type { KeyObject } from 'node:crypto';
import type { Pkcs11KeyConfig } from '../../src/model/config.ts';

export interface TokenObject {
  /** Absent: certificates alone. */
  readonly privateKey?: KeyObject;
  /** DER; absent: the key stands alone. */
  readonly certificate?: Buffer;
  /** Further DER certificates. */
  readonly chain?: readonly Buffer[];
  /** Hexadecimal; default 01. */
  readonly id?: string;
  readonly label?: string;
  /** Whether the public key object is stored beside it; default true. */
  readonly publicKey?: boolean;
}

/** SoftHSM with a token directory of its own. */
export interface SoftHsm {
  readonly module: string;
  /** For every process that uses it: SOFTHSM2_CONF. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** A new token, initialised. @returns its label */
  createToken(label: string, pin?: string): string;
  /** Puts a private key and its certificate on a token, or one of them. */
  importKey(token: string, object: TokenObject, pin?: string): void;
  /** What a configuration says about a key on a token, without a PIN. */
  config(token: string, changes?: Partial<Pkcs11KeyConfig>): Pkcs11KeyConfig;
}

export const testPin = '8642097531';
const soPin = '87654321';
const importer = new URL('./softhsm-import.ts', import.meta.url).pathname;

/** @param cleanup called with what removes it (`t.after`, `after`) */
export function softHsm(cleanup: (remove: () => void) => void): SoftHsm {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-hsm-'));
  cleanup(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  mkdirSync(join(directory, 'tokens'));
  const conf = join(directory, 'softhsm2.conf');
  writeFileSync(conf, `directories.tokendir = ${join(directory, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const environment = { SOFTHSM2_CONF: conf };
  const module = softhsmModule ?? 'libsofthsm2.so';
  return {
    module,
    environment,
    directory,
    createToken(label, pin = testPin) {
      const args = ['--init-token', '--free', '--label', label, '--so-pin', soPin, '--pin', pin];
      execFileSync('softhsm2-util', args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'ignore', 'pipe'] });
      return label;
    },
    importKey(token, { privateKey, certificate, chain = [], id = '01', label = 'sig', publicKey = true }, pin = testPin) {
      const input = JSON.stringify({
        module,
        token,
        pin,
        id,
        label,
        publicKey,
        privateKey: privateKey?.export({ type: 'pkcs8', format: 'pem' }),
        certificate: certificate?.toString('base64'),
        chain: chain.map((der) => der.toString('base64')),
      });
      const result = spawnSync(process.execPath, [importer], { input, env: { ...process.env, ...environment } });
      if (result.status !== 0) throw new Error(result.stderr.toString());
    },
    config: (token, changes) => ({
      name: token,
      source: 'pkcs11',
      module,
      token: { label: token },
      key: { id: '01' },
      kind: 'mass',
      onDoubt: 'sign',
      roots: [],
      chain: [],
      minRemaining: 86_400_000,
      keyUsage: 'contentCommitment',
      sessions: 1,
      timeout: 20_000,
      pinTimeout: 60_000,
      keepAlive: 60_000,
      environment,
      ...changes,
    }),
  };
}
