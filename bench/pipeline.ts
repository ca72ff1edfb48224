import { randomBytes, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runDaemon } from '../src/compose.ts';
import { parseConfig } from '../src/config/load.ts';
import { writePkcs12 } from '../src/formats/pkcs12.ts';
import { testAuthority } from '../test/support/authority.ts';
import { median, print } from './measure.ts';

const documents = Number(process.env['DOCUMENTS'] ?? 5000);
const perBatch = 500;
const rounds = Number(process.env['ROUNDS'] ?? 3);
const signAsync = promisify(sign) as (algorithm: string, data: Buffer, key: object) => Promise<Buffer>;

/**
 * The whole durable pipeline (claim, private copy, intent, sign, verify, archive, deliver, ready) with a software key, against the key alone on the
 * same cores. Small documents, CAdES-B-B detached, RSA PKCS#1 v1.5, batches of 500.
 */
export async function pipeline(row: string, keyType: 'rsa2048' | 'rsa3072', goal: number): Promise<void> {
  const ours: number[] = [];
  const raw: number[] = [];
  const authority = testAuthority();
  const { chain, privateKey } = authority.issue({ keyType, profile: 'signer' });
  for (let round = 0; round <= rounds; round++) {
    const directory = mkdtempSync(join(tmpdir(), 'sealtree-pipeline-'));
    try {
      authority.write(directory);
      writeFileSync(
        join(directory, 'key.p12'),
        await writePkcs12({ privateKey, certificates: chain, passphrase: Buffer.from('bench'), random: randomBytes }),
      );
      writeFileSync(join(directory, 'pass'), 'bench', { mode: 0o600 });
      const mine = documents / (await run(directory));
      const floor = await rawRate(privateKey);
      if (round === 0) continue;
      ours.push(mine * 1000);
      raw.push(floor);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  print({ row, ours: median(ours), peer: median(raw), of: 'raw crypto.sign on the same cores', goal, unit: 'documents/s' });
}

async function run(directory: string): Promise<number> {
  const text = `
data: ./data
log: { level: error }
trust: { anchors: [./trust.pem], certificates: [./issuing.pem], crls: [./root.crl, ./issuing.crl], fetch: false }
keys: { bench: { source: pkcs12, file: ./key.p12, passphrase: { file: ./pass } } }
tsas: { none: { url: 'http://127.0.0.1:9/' } }
profiles: { bench: { format: cades, level: B-B, padding: pkcs1 } }
roots: { bench: { path: ./root, profile: bench, keys: bench, settle: 1ms, minFree: 1MB } }
archive: { tsas: [none] }
`;
  const config = parseConfig(text, join(directory, 'roots.yaml'));
  for (let at = 0; at < documents; at += perBatch) {
    const batch = join(directory, 'root/incoming', `batch-${at}`);
    mkdirSync(batch, { recursive: true });
    for (let i = at; i < Math.min(documents, at + perBatch); i++) writeFileSync(join(batch, `${i}.txt`), `document ${i}\n`.repeat(60));
    writeFileSync(join(batch, 'APPROVED'), '');
  }
  const outcome = await runDaemon(config, join(directory, 'roots.yaml'), { once: true, signal: new AbortController().signal });
  if (outcome.delivered !== Math.ceil(documents / perBatch)) throw new Error(`delivered ${JSON.stringify(outcome)}`);
  return elapsed(join(directory, 'root/outgoing'));
}

/** ms from the first claim to the last ready semaphore: starting and stopping the daemon is not part of the pipeline. */
function elapsed(outgoing: string): number {
  const batches = readdirSync(outgoing);
  const claimed = batches.map((batch) =>
    Date.parse((JSON.parse(readFileSync(join(outgoing, batch, 'batch-report.json'), 'utf8')) as { claimedAt: string }).claimedAt),
  );
  const ready = batches.map((batch) => statSync(join(outgoing, batch, 'READY')).ctimeMs);
  return Math.max(...ready) - Math.min(...claimed);
}

async function rawRate(key: object): Promise<number> {
  const data = Buffer.alloc(200, 1);
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (next++ < documents) await signAsync('sha256', data, key);
    }),
  );
  return (documents / (performance.now() - began)) * 1000;
}
