import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test, type TestContext } from 'node:test';
import { mounting } from '../../support/tools.ts';
import { Evaluation, until, type House } from '../house.ts';
import { readLedger } from '../ledger.ts';
import { assertComplete } from '../ready.ts';
import type { Waiting } from '../refusals.ts';

/** A small file system over a directory of the house. @returns what enlarges it */
function smallDisk(t: TestContext, directory: string, size: string): (size: string) => void {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', directory]);
  t.after(() => {
    execFileSync('umount', ['-l', directory]);
  });
  return (larger) => {
    execFileSync('mount', ['-o', `remount,size=${larger}`, directory]);
  };
}

describe('a full disk', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  const scan = Buffer.alloc(3 * 2 ** 20, 7);
  const waiting = async (house: House): Promise<Waiting | undefined> =>
    (await house.ask<Waiting[]>('batch', 'list', '--state', 'waiting'))[0];

  test('data directory: the batch waits before a signature is spent, and goes on by itself when there is room', mounting(), async (t) => {
    const house = evaluation.house();
    const enlarge = smallDisk(t, join(house.directory, 'data'), '6m');
    house.place('files', 'scans', { 'a.tif': scan, 'b.tif': scan });
    const daemon = await house.daemon(t);
    await until(
      'it waits for room',
      async () =>
        (await waiting(house))?.waiting?.code === 'SEAL-DISK-FULL' ||
        /SEAL-DISK-FULL/.test((await house.run('status')).stdout + daemon.log),
    );
    assert.equal(readLedger(house.directory).intents.signed, 0);
    assert.equal(existsSync(house.at('files', 'outgoing', 'scans')), false);
    enlarge('64m');
    await until('it is delivered', () => existsSync(house.at('files', 'outgoing', 'scans/READY')));
    assert.deepEqual(assertComplete(house.directory, 'files'), ['scans']);
    assert.equal(await daemon.stop(), 0);
  });

  test(
    'outgoing fills up after the signatures were made: no half batch, delivered with the same signatures when there is room',
    mounting(),
    async (t) => {
      const house = evaluation.house();
      const outgoing = house.at('files', 'outgoing');
      smallDisk(t, outgoing, '16m');
      const authority = await hesitantAuthority(t, house);
      house.edit((settings) => {
        settings.setIn(['tsas', 'evaluation', 'url'], authority.url);
        settings.setIn(['roots', 'files', 'minFree'], '1KiB');
      });
      house.place('files', 'scans', { 'a.tif': scan, 'b.tif': scan });
      const daemon = await house.daemon(t);
      await until('it waits for its timestamps', async () => (await waiting(house))?.waiting?.code.startsWith('SEAL-TSA-') === true);
      const ballast = join(outgoing, 'ballast');
      writeFileSync(ballast, Buffer.alloc(12 * 2 ** 20));
      authority.answer();
      let reason: Waiting['waiting'];
      await until('it waits for room', async () => (reason = (await waiting(house))?.waiting)?.code === 'SEAL-DISK-FULL');
      assert.match(reason?.hint ?? '', /room/);
      assert.equal(existsSync(join(outgoing, 'scans')), false);
      rmSync(ballast);
      await until('it is delivered', () => existsSync(join(outgoing, 'scans/READY')));
      assert.deepEqual(assertComplete(house.directory, 'files'), ['scans']);
      assert.equal(readLedger(house.directory).intents.signed, 2);
      assert.equal(await daemon.stop(), 0);
    },
  );
});

/** Refuses until it is told to answer; then it passes requests on to the authority of the house. */
async function hesitantAuthority(t: TestContext, house: House): Promise<{ readonly url: string; answer(): void }> {
  const own = house.setting('tsas', 'evaluation', 'url');
  let answers = false;
  const server = createServer((request, response) => {
    void buffer(request).then(async (body) => {
      if (!answers) return response.writeHead(503).end();
      const answer = await fetch(own, {
        method: 'POST',
        body: new Uint8Array(body),
        headers: { 'content-type': 'application/timestamp-query' },
      });
      return response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`,
    answer: () => {
      answers = true;
    },
  };
}
