import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { approveBatch, cancelBatch, retryBatch } from '../../src/app/batch-actions.ts';
import { listBatches, showBatch } from '../../src/app/batches.ts';
import { testKey } from '../../src/app/key-test.ts';
import { printBatch, printBatches } from '../../src/cli/show/batches.ts';
import { fixture, ServiceHouse } from '../support/service.ts';
import { captured } from './captured.ts';

const call = { actor: 'karl', progress: () => undefined, signal: new AbortController().signal };

suite('batch show tells the story of a batch', () => {
  test('delivered in part: where both parts lie, why the rest failed, and the command that goes on', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { onError: 'deliverRest' } } });
    const service = await house.service();
    house.place('day/a', { 'b.pdf': fixture('broken.pdf'), 'x.txt': 'x' });
    const { id } = await house.take(service, 'day/a');
    await house.reaches(id, 'delivered');
    const details = await showBatch(service.app, { id });
    const { terminal, out } = captured();
    printBatch(terminal, details);
    assert.match(
      out(),
      new RegExp(
        [
          `^batch ${id} {2}delivered in part$`,
          '^ {2}root +letters, day/a$',
          '^ {2}documents +2, 1 failed$',
          `^ {2}output +${join(house.root.outgoing, 'day/a')}$`,
          `^ {2}failed documents +${join(house.root.failed, 'day/a')}$`,
          `^ {2}hint: when that is mended: “sealtree batch retry ${id}”$`,
          '^✗ b\\.pdf$',
          '^ {4}SEAL-DOC-DAMAGED .*$',
          '^ {4}hint: .*$',
          '^✓ x\\.txt {2}cades B-B by key$',
        ].join('\n(?:.*\n)*?'),
        'm',
      ),
    );
    const { batch = '' } = await retryBatch(service, { id, again: false }, call);
    await house.reaches(batch);
    const after = await showBatch(service.app, { id });
    assert.deepEqual([after.failedPath, after.retriedAs], [undefined, batch]);
    await assert.rejects(retryBatch(service, { id, again: false }, call), { code: 'SEAL-BATCH-ENDED', message: new RegExp(batch) });
  });

  test('waiting: the reason once for all that wait, and what can be done besides waiting', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.key.pull();
    const ids: string[] = [];
    for (const path of ['a', 'b', 'c', 'd', 'e']) {
      house.place(path, { 'x.txt': path });
      const { id } = await house.take(service, path);
      ids.push(id);
      await house.waits(id, 'SEAL-KEY-ABSENT');
    }
    const list = captured();
    printBatches(list.terminal, await listBatches(service.app, { state: 'waiting' }));
    assert.equal(list.out().match(/SEAL-KEY-ABSENT/g)?.length, 1, list.out());
    assert.match(list.out(), /and 2 more: SEAL-KEY-ABSENT/);
    const show = captured();
    printBatch(show.terminal, await showBatch(service.app, { id: ids[0] ?? '' }));
    assert.match(show.out(), /waits since .*\n {2}SEAL-KEY-ABSENT .*\n {2}hint: .*\n {2}hint: it goes on by itself; .*retry.*cancel/);
  });

  test('of very many documents the failed ones come first, and it says that there are more; programs get all', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { onError: 'deliverRest' } } });
    const service = await house.service();
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`n${n}.txt`, String(n)]));
    house.place('a', { ...files, 'zz.pdf': fixture('broken.pdf') });
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'delivered');
    const first = await showBatch(service.app, { id, limit: 3 });
    assert.deepEqual(
      first.contents.map(({ path }) => path),
      ['zz.pdf', 'n0.txt', 'n1.txt'],
    );
    const { terminal, out } = captured();
    printBatch(terminal, first);
    assert.match(out(), /… 18 more: see --limit\n$/);
    assert.equal((await showBatch(service.app, { id })).contents.length, 21);
  });
});

suite('batch list', () => {
  test('an unknown root or state is a mistake, not an empty list; trials are no batches', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    await testKey(service, { name: 'key' }, call);
    assert.deepEqual(await listBatches(service.app, {}), []);
    assert.equal((await listBatches(service.app, { root: '@test' })).length, 1);
    assert.deepEqual(await listBatches(service.app, { root: 'letters' }), []);
    await assert.rejects(listBatches(service.app, { root: 'leters' }), { code: 'SEAL-USAGE', hint: 'roots are letters' });
    await assert.rejects(listBatches(service.app, { state: 'stuck' }), { code: 'SEAL-USAGE', hint: /active, waiting, ended/ });
  });
});

suite('retry, cancel and approve say what they did, or why they cannot', () => {
  test('a batch that has ended is neither cancelled nor retried, and says how it ended', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'delivered');
    await assert.rejects(cancelBatch(service, { id }, call), { code: 'SEAL-BATCH-ENDED', message: /delivered already/ });
    await assert.rejects(retryBatch(service, { id, again: false }, call), { code: 'SEAL-BATCH-ENDED', hint: /all of its documents/ });
    await assert.rejects(retryBatch(service, { id: 'zzzzz', again: false }, call), { code: 'SEAL-BATCH-UNKNOWN' });
  });

  test('a duplicate is refused with the way to have it all the same; documents that were taken away are named', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { 'x.txt': 'x' });
    await house.reaches((await house.take(service, 'a')).id, 'delivered');
    rmSync(join(house.root.outgoing, 'a'), { recursive: true });
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(service, 'a');
    assert.equal((await house.reaches(id)).error?.code, 'SEAL-BATCH-DUPLICATE');
    await assert.rejects(retryBatch(service, { id, again: false }, call), { code: 'SEAL-BATCH-DUPLICATE', hint: /--again/ });
    rmSync(join(house.root.failed, 'a'), { recursive: true });
    await assert.rejects(retryBatch(service, { id, again: true }, call), { code: 'SEAL-INPUT-MISSING', message: /not in failed\// });
  });

  test('without a daemon nothing is begun, and the answer says when it goes on', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { 'b.pdf': fixture('broken.pdf') }, '{"profile": "seal"}');
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'failed');
    service.resident = false;
    const { batch = '', message } = await retryBatch(service, { id, again: false }, call);
    assert.match(message, /goes on when the daemon runs/);
    assert.deepEqual([(await house.batch(batch)).state, service.runner.counts()], ['claimed', { running: 0, waiting: 0 }]);
    assert.match((await retryBatch(service, { id: batch, again: false }, call)).message, /is claimed; it goes on when the daemon runs/);
  });

  test('approve: below incoming, a directory, once', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    rmSync(join(house.place('a/b', { 'x.txt': 'x' }), 'APPROVED'));
    assert.match((await approveBatch(service, { root: 'letters', path: './a/b/' }, call)).message, /a\/b is approved/);
    const refused = async (path: string, code: string, message: RegExp, root = 'letters'): Promise<void> => {
      await assert.rejects(approveBatch(service, { root, path }, call), { code, message }, path);
    };
    await refused('a/b', 'SEAL-BATCH-STATE', /holds APPROVED already/);
    await refused('a/c', 'SEAL-INPUT-MISSING', /does not exist/);
    await refused('a/b/x.txt', 'SEAL-INPUT-MISSING', /is a file/);
    for (const path of ['../done', '/etc', '.', '']) await refused(path, 'SEAL-USAGE', /no directory below incoming/);
    await refused('a/b', 'SEAL-USAGE', /no root is called “letter”/, 'letter');
  });
});
