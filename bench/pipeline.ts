import { randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { runDaemon } from '../src/compose.ts';
import { parseConfig } from '../src/config/load.ts';
import { writePkcs12 } from '../src/formats/pkcs12.ts';
import { testAuthority } from '../test/support/authority.ts';
import { freshDirectory, removeDirectory } from './directory.ts';
import { median, print } from './measure.ts';
import { threadShares, threadTimes } from './threads.ts';

const documents = Number(process.env['DOCUMENTS'] ?? 20_000);
const warming = 2_000;
const perBatch = 500;
const rounds = Number(process.env['ROUNDS'] ?? 3);
const signAsync = promisify(sign) as (algorithm: string, data: Buffer, key: object) => Promise<Buffer>;

/** Documents a second of wall time, and a CPU-second of this process with all its threads. */
interface Pace {
  readonly wall: number;
  readonly cpu: number;
}

/**
 * The whole durable pipeline (claim, private copy, intent, sign, verify, archive, deliver, ready) with a software key, against the key alone on the
 * same cores. Small documents, CAdES-B-B detached, RSA PKCS#1 v1.5, batches of 500, a daemon that runs already.
 */
export async function pipeline(row: string, keyType: 'rsa2048' | 'rsa3072', goal: number): Promise<void> {
  const ours: Pace[] = [];
  const raw: Pace[] = [];
  const authority = testAuthority();
  const { chain, privateKey } = authority.issue({ keyType, profile: 'signer' });
  await rawPace(privateKey);
  // Removed at the end: ext4 is slow to make files where many were removed a moment ago.
  const top = freshDirectory('sealtree-pipeline-');
  try {
    for (let round = 0; round < rounds; round++) {
      const directory = join(top, `${round}`);
      mkdirSync(directory);
      authority.write(directory);
      writeFileSync(
        join(directory, 'key.p12'),
        await writePkcs12({ privateKey, certificates: chain, passphrase: Buffer.from('bench'), random: randomBytes }),
      );
      writeFileSync(join(directory, 'pass'), 'bench', { mode: 0o600 });
      // Before and after: what the daemon leaves to the kernel to write would else slow the peer only.
      for (let i = 0; i < 3; i++) raw.push(await rawPace(privateKey));
      ours.push(await daemonPace(directory));
      for (let i = 0; i < 3; i++) raw.push(await rawPace(privateKey));
    }
  } finally {
    removeDirectory(top);
  }
  const of = (paces: readonly Pace[], which: keyof Pace): number => median(paces.map((pace) => pace[which]));
  const cpu = of(ours, 'cpu') / of(raw, 'cpu');
  process.stdout.write(
    `  CPU of a document: ours ${Math.round(1e6 / of(ours, 'cpu'))} µs, the signature alone ${Math.round(1e6 / of(raw, 'cpu'))} µs: ${cpu.toFixed(2)}\n`,
  );
  const peer = 'raw crypto.sign on the same cores';
  print({ row, ours: of(ours, 'wall'), peer: of(raw, 'wall'), of: peer, goal, unit: 'documents/s' });
}

const settings = `
data: ./data
log: { level: error }
trust: { anchors: [./trust.pem], certificates: [./issuing.pem], crls: [./root.crl, ./issuing.crl], fetch: false }
keys: { bench: { source: pkcs12, file: ./key.p12, passphrase: { file: ./pass } } }
tsas: { none: { url: 'http://127.0.0.1:9/' } }
profiles: { bench: { format: cades, level: B-B, padding: pkcs1 } }
roots: { bench: { path: ./root, profile: bench, keys: bench, settle: 1ms, minFree: 1MB } }
archive: { tsas: [none] }
`;

/** Approved batches beside the root, to be moved in at once. */
function makeBatches(stock: string, count: number): string[] {
  const names: string[] = [];
  for (let at = 0; at < count; at += perBatch) {
    const name = `${stock.slice(stock.lastIndexOf('/') + 1)}-${at}`;
    mkdirSync(join(stock, name), { recursive: true });
    for (let i = at; i < Math.min(count, at + perBatch); i++) writeFileSync(join(stock, name, `${i}.txt`), `document ${i}\n`.repeat(60));
    writeFileSync(join(stock, name, 'APPROVED'), '');
    names.push(name);
  }
  return names;
}

async function daemonPace(directory: string): Promise<Pace> {
  const config = parseConfig(settings, join(directory, 'roots.yaml'));
  const root = join(directory, 'root');
  mkdirSync(join(root, 'incoming'), { recursive: true });
  const warm = makeBatches(join(directory, 'warm'), warming);
  const measured = makeBatches(join(directory, 'measured'), documents);
  const stop = new AbortController();
  const daemon = runDaemon(config, join(directory, 'roots.yaml'), { once: false, signal: stop.signal });
  try {
    await deliver(join(directory, 'warm'), root, warm);
    const usage = process.cpuUsage();
    const threads = threadTimes();
    await deliver(join(directory, 'measured'), root, measured);
    const { user, system } = process.cpuUsage(usage);
    process.stdout.write(`  µs of CPU a document by thread: ${threadShares(threads, threadTimes(), documents)}\n`);
    const wall = elapsed(join(root, 'outgoing'), measured);
    const busy = (user + system) / 1000 / wall / availableParallelism();
    process.stdout.write(`  the cores were busy with it ${Math.round(busy * 100)} % of the time\n`);
    return { wall: (documents / wall) * 1000, cpu: (documents / (user + system)) * 1e6 };
  } finally {
    stop.abort();
    await daemon;
  }
}

/** Moves batches in and waits until each is announced. */
async function deliver(stock: string, root: string, names: readonly string[]): Promise<void> {
  for (const name of names) renameSync(join(stock, name), join(root, 'incoming', name));
  const open = new Set(names);
  while (open.size > 0) {
    for (const name of open) if (existsSync(join(root, 'outgoing', name, 'READY'))) open.delete(name);
    if (existsSync(join(root, 'failed')) && readdirSync(join(root, 'failed')).length > 0) throw new Error('a batch failed');
    await sleep(50);
  }
}

/** ms from the first claim to the last ready semaphore. */
function elapsed(outgoing: string, batches: readonly string[]): number {
  const claimed = batches.map((batch) =>
    Date.parse((JSON.parse(readFileSync(join(outgoing, batch, 'batch-report.json'), 'utf8')) as { claimedAt: string }).claimedAt),
  );
  const ready = batches.map((batch) => statSync(join(outgoing, batch, 'READY')).ctimeMs);
  return Math.max(...ready) - Math.min(...claimed);
}

async function rawPace(key: object): Promise<Pace> {
  const data = Buffer.alloc(200, 1);
  const count = 4_000;
  const usage = process.cpuUsage();
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (next++ < count) await signAsync('sha256', data, key);
    }),
  );
  const { user, system } = process.cpuUsage(usage);
  return { wall: (count / (performance.now() - began)) * 1000, cpu: (count / (user + system)) * 1e6 };
}
