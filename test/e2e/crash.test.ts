import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import { filesBelow } from './deliveries.ts';
import { documents, Evaluation, numberedPdf, until, type House } from './house.ts';
import { readLedger } from './ledger.ts';
import { assertComplete } from './ready.ts';
import { needs } from '../support/tools.ts';
import { crashSettings, type CrashRound, type CrashSetting } from './crash-settings.ts';

const rounds = process.env['SEALTREE_FULL'] === 'true' ? 100 : 12;
const seed = Number(process.env['SEALTREE_SEED'] ?? 20261122);

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Counted {
  readonly signatures: number;
  readonly discarded: number;
}

/** A batch that the producer put down. */
interface Placed {
  readonly root: 'pdf' | 'files';
  readonly path: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** How it has to end. */
  readonly ends: 'delivered' | 'failed';
}

const broken = readFileSync(join(documents, 'broken.pdf'));

/** Four batches a round: PDFs, PDFs with a broken one, other files in folders, and one that must fail. */
function place(house: House, round: number): Placed[] {
  const many = (name: (n: number) => string, content: (n: number) => Buffer): Placed['files'] =>
    Object.fromEntries(Array.from({ length: 15 }, (_, n) => [name(n), content(100 * round + n)]));
  const mail = (n: number): Buffer => Buffer.from(`Subject: ${n}\r\n\r\nGood morning\r\n`);
  const batches: Placed[] = [
    { root: 'pdf', path: `letters-${round}`, files: many((n) => `${n % 3}/${n}.pdf`, numberedPdf), ends: 'delivered' },
    { root: 'pdf', path: `scans/${round}`, files: { 'good.pdf': numberedPdf(100 * round + 50), 'broken.pdf': broken }, ends: 'delivered' },
    { root: 'files', path: `mails-${round}`, files: many((n) => `day ${n}/mail.eml`, mail), ends: 'delivered' },
    { root: 'files', path: `empty-${round}`, files: {}, ends: 'failed' },
  ];
  for (const { root, path, files } of batches) house.place(root, path, files);
  return batches;
}

for (const setting of crashSettings) underKills(setting, Math.ceil(rounds * setting.share));

function underKills(setting: CrashSetting, rounds: number): void {
  describe(
    `kill -9, ${rounds} rounds under load, ${setting.name} (SEALTREE_SEED=${seed})`,
    setting.needs === undefined ? {} : needs(setting.needs),
    () => {
      const evaluation = new Evaluation();
      const placed: Placed[] = [];
      const running: Daemon[] = [];
      const ends: (() => void)[] = [];
      let house: House;
      let beforeRound: CrashRound;

      before(async () => {
        await evaluation.init();
        house = evaluation.house();
        const random = randomNumbers(seed);
        beforeRound = await setting.prepare(house, (end) => ends.push(end));
        for (let round = 1; round <= rounds; round++) {
          placed.push(...place(house, round));
          beforeRound(random());
          const daemon = house.start();
          running.push(daemon);
          // One in four is killed while it starts, the others amid the work.
          if (random() > 0.25) await daemon.ready();
          await sleep(random() * 900);
          assert.ok(daemon.running, `the daemon ended by itself: ${daemon.log}`);
          await daemon.kill();
          for (const root of ['pdf', 'files']) assertComplete(house.directory, root);
        }
        beforeRound(undefined);
        const daemon = house.start();
        running.push(daemon);
        await daemon.ready();
        const ended = (): boolean =>
          readLedger(house.directory).batches.filter(({ state }) => state === 'delivered' || state === 'failed').length >= placed.length;
        await until('every batch ends', ended, 240).catch((error: unknown) => {
          throw new Error(daemon.log.slice(-5000), { cause: error });
        });
        assert.equal(await daemon.stop(), 0, daemon.log);
      });
      after(async () => {
        await running.at(-1)?.kill();
        for (const end of ends) end();
        evaluation.remove();
      });

      test('every batch ended exactly once, as it had to', () => {
        const { batches } = readLedger(house.directory);
        const ends = batches.filter(({ state }) => state !== 'abandoned').map(({ path, state }) => `${path} ${state}`);
        assert.deepEqual(ends.sort(), placed.map(({ root, path, ends }) => `${root}/${path} ${ends}`).sort());
      });

      test('every delivered batch is complete, with the bytes that were put in; the others lie in failed/ with their reason', () => {
        const ready = ['pdf', 'files'].flatMap((root) => assertComplete(house.directory, root).map((path) => `${root}/${path}`));
        assert.deepEqual(
          ready.sort(),
          placed
            .filter(({ ends }) => ends === 'delivered')
            .map(({ root, path }) => `${root}/${path}`)
            .sort(),
        );
        for (const { root, path, files, ends } of placed) {
          for (const [name, bytes] of Object.entries(files)) {
            const kept = bytes === broken || ends === 'failed' ? 'failed' : 'done';
            assert.deepEqual(readFileSync(house.at(root, kept, join(path, name))), bytes, `${path}/${name} in ${kept}`);
            if (kept === 'done')
              assert.deepEqual(
                readFileSync(house.at(root, 'outgoing', join(path, name))).subarray(0, bytes.length),
                bytes,
                `${path}/${name} in outgoing`,
              );
          }
          if (ends === 'failed') assert.ok(filesBelow(house.at(root, 'failed', path)).includes('error.json'), path);
        }
      });

      test('nothing is left behind in incoming, in the claim directory or in the spool', () => {
        for (const root of ['pdf', 'files']) assert.deepEqual(filesBelow(house.at(root, 'incoming')), []);
        assert.deepEqual(filesBelow(join(house.directory, 'data/spool')), []);
        for (const root of ['pdf', 'files']) assert.deepEqual(filesBelow(join(house.directory, 'roots', root, '.sealtree/claimed')), []);
      });

      test('each signature has its intent, none was made twice unnoticed, and what was cut off is told', async (t) => {
        const { intents, signedTwice, withoutIntent } = readLedger(house.directory);
        const documents = placed.flatMap(({ files }) => Object.values(files).filter((bytes) => bytes !== broken));
        t.diagnostic(
          `${documents.length} documents signed, ${intents.doubt} in doubt, ${intents.discarded} discarded after ${rounds} kills`,
        );
        assert.equal(intents.signed, documents.length);
        assert.deepEqual([signedTwice, withoutIntent, intents.open], [0, 0, 0]);
        if (setting.doubts) assert.equal(intents.discarded, 0);
        else assert.equal(intents.doubt, 0, 'software keys leave nothing in doubt');
        const keys = await house.ask<Counted[]>('key', 'list');
        const sum = (of: (key: Counted) => number): number => keys.reduce((total, key) => total + of(key), 0);
        assert.equal(
          sum(({ signatures }) => signatures),
          intents.signed + intents.spent + intents.doubt,
        );
        assert.equal(
          sum(({ discarded }) => discarded),
          intents.discarded,
        );
      });

      test('archive and audit log check clean, and what was signed verifies', async () => {
        const closed = await house.run('archive', 'close');
        assert.equal(closed.status, 0, closed.stderr);
        const check = await house.run('archive', 'check');
        assert.equal(check.status, 0, `${check.stdout}${check.stderr}`);
        assert.equal((await house.run('audit', 'verify')).status, 0);
        const signed = filesBelow(house.at('pdf', 'outgoing'))
          .filter((file) => file.endsWith('.pdf'))
          .map((file) => house.at('pdf', 'outgoing', file));
        const detached = filesBelow(house.at('files', 'outgoing'))
          .filter((file) => file.endsWith('.p7s'))
          .map((file) => house.at('files', 'outgoing', file));
        const verify = await house.run('verify', ...signed, ...detached);
        assert.equal(verify.status, 0, verify.stdout);
      });
    },
  );
}
