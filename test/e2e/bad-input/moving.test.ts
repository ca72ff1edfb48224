import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, lstatSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { filesBelow } from '../deliveries.ts';
import { command, Evaluation, until } from '../house.ts';
import { assertComplete } from '../ready.ts';
import { refusedBatch } from '../refusals.ts';

describe('batches that move, documents that cannot be read', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('a batch renamed away and back at any moment is never half: it is the producer’s, or delivered whole', async (t) => {
    const house = evaluation.house();
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`${n}.bin`, Buffer.alloc(200_000, n)]));
    const [here, away] = [house.at('files', 'incoming', 'restless'), house.at('files', 'incoming', 'moved away')];
    house.place('files', 'restless', files);
    const daemon = await house.daemon(t);
    let claimed = false;
    for (let moves = 0; moves < 200 && !claimed; moves++) {
      try {
        renameSync(here, away);
        renameSync(away, here);
      } catch {
        claimed = !existsSync(here) && !existsSync(away);
      }
      await sleep(7);
    }
    const delivered = (): boolean =>
      ['restless', 'moved away'].some((path) => existsSync(house.at('files', 'outgoing', join(path, 'READY'))));
    await until('it is delivered once it rests', delivered);
    await until('the originals are filed', () => filesBelow(house.at('files', 'done')).length > 20);
    const [path, ...more] = assertComplete(house.directory, 'files');
    assert.deepEqual(more, [], 'delivered once');
    assert.equal(readdirSync(house.at('files', 'outgoing', path)).filter((name) => name.endsWith('.p7s')).length, 20);
    for (const [name, bytes] of Object.entries(files))
      assert.deepEqual(readFileSync(house.at('files', 'done', join(path ?? '', name))), bytes);
    assert.equal(await daemon.stop(), 0);
  });

  test('a batch renamed away for good before it was claimed is simply not there', async () => {
    const house = evaluation.house();
    const directory = house.place('files', 'letters', { 'letter.txt': 'Good morning' });
    renameSync(directory, join(house.directory, 'elsewhere'));
    const { status, stdout, stderr } = await house.run('run', '--once');
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.deepEqual(filesBelow(join(house.directory, 'elsewhere')), ['APPROVED', 'letter.txt']);
    assert.deepEqual(filesBelow(house.at('files', 'failed')), []);
  });

  test('a document that the account of Sealtree may not read is refused and named; it stays as it was', async () => {
    const house = evaluation.house();
    const directory = house.place('files', 'letters', { 'letter.txt': 'Good morning', 'private.txt': 'for your eyes only' });
    const secret = join(directory, 'private.txt');
    chmodSync(secret, 0);
    const account = unprivileged();
    if (account !== undefined) {
      chmodSync(dirname(house.directory), 0o755);
      giveAll(house.directory, account.uid, secret);
    }
    const { status, stderr } = await command(['run', '--once', '--config', house.config], { ...(account ?? {}) });
    assert.equal(status, 3, stderr);
    const { documents } = refusedBatch(house, 'files', 'letters');
    assert.deepEqual(
      documents.map(({ document, code }) => `${document} ${code}`),
      ['private.txt SEAL-INPUT-MISSING'],
    );
    assert.match(documents[0]?.remedy ?? '', /read/);
    const kept = house.at('files', 'failed', 'letters/private.txt');
    assert.equal(lstatSync(kept).mode & 0o777, 0);
    chmodSync(kept, 0o600);
    assert.equal(readFileSync(kept, 'utf8'), 'for your eyes only');
  });
});

/** Root may read everything: then the program runs as somebody else. */
function unprivileged(): { readonly uid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534 } : undefined;
}

function giveAll(directory: string, uid: number, except: string): void {
  chownSync(directory, uid, uid);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path !== except) chownSync(path, uid, uid);
  }
}
