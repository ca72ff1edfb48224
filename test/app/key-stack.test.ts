import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { activateKey } from '../../src/app/key-activation.ts';
import { seenStack, showStack, stackDigest, stackText } from '../../src/app/key-stack.ts';
import { keyList } from '../../src/app/status.ts';
import { testKey } from '../../src/app/key-test.ts';
import { batchWith, failure, newBatch, newDocument, newDocuments, sealError, sha256 } from '../suites/store-samples.ts';
import { temporaryDirectory } from '../support/files.ts';
import { ServiceHouse } from '../support/service.ts';
import type { TestContext } from 'node:test';
import type { Service } from '../../src/app/service.ts';
import type { AuditRow } from '../../src/model/archive.ts';
import type { Pkcs11KeyConfig } from '../../src/model/config.ts';

const card: Pkcs11KeyConfig = {
  ...{ name: 'key', source: 'pkcs11', module: '/none.so', token: {}, key: {}, kind: 'mass', activation: 'stack', sessions: 1 },
  ...{ keepAlive: 0, pinTimeout: 0, timeout: 1_000, onDoubt: 'sign', environment: {}, roots: [], minRemaining: 0 },
  ...{ keyUsage: 'contentCommitment', chain: [] },
};
const pin = (): Buffer => Buffer.from('1234');
const karl = { actor: 'karl', signal: new AbortController().signal };

/** A house whose only key signs lists and waits for its PIN. */
async function opened(t: TestContext, change: Partial<Pkcs11KeyConfig> = {}): Promise<{ house: ServiceHouse; service: Service }> {
  const house = await ServiceHouse.open(t, {
    roots: { letters: { keys: ['key'] }, plain: { keys: [] } },
    config: { keys: { key: { ...card, ...change } } },
  });
  await house.key.deactivate();
  await house.clock.advance(1_000);
  return { house, service: await house.service() };
}

const of = (id: string): object => ({ root: 'letters', keys: ['key'], relPath: Buffer.from(`day/${id}`), profile: 'plain' });

async function rows(house: ServiceHouse, action: string): Promise<AuditRow[]> {
  return (await house.fx.store.auditRows(0, 1_000)).filter((row) => row.action === action);
}

suite('the list of documents before a PIN', () => {
  test('names what waits: the most urgent batch first, each document with hash and size, and what is not among them', async (t) => {
    const { house, service } = await opened(t, { maxSignatures: 6 });
    const { store } = house.fx;
    await batchWith(store, 'b1', newDocuments(4), 'admitted', of('b1'));
    await batchWith(store, 'b2', [newDocument(0, 'urgent')], 'admitted', { ...of('b2'), priority: 5 });
    await batchWith(store, 'b3', newDocuments(3), 'admitted', { ...of('b3'), claimedAt: 9_000 });
    await batchWith(store, 'other', newDocuments(2), 'admitted', { ...of('other'), keys: ['another'] });
    await batchWith(store, 'reserved', newDocuments(2), 'admitted', { ...of('reserved'), root: 'plain' });
    await batchWith(store, 'early', newDocuments(2), 'spooled', of('early'));
    const view = await showStack(service.app, { name: 'key', batches: [] });
    assert.deepEqual(
      view.batches.map(({ id, root, path, documents, bytes }) => [id, root, path, documents, bytes]),
      [
        ['b2', 'letters', 'day/b2', 1, 6],
        ['b1', 'letters', 'day/b1', 4, 36],
        ['b3', 'letters', 'day/b3', 1, 9],
      ],
    );
    assert.deepEqual([view.documents, view.bytes, view.beyond], [6, 51, 2]);
    assert.deepEqual(view.list[0], { batch: 'b2', path: '0.pdf', size: 6, sha256: sha256('urgent').toString('hex') });
    assert.equal(view.sha256, stackDigest(view.list));
    const one = await showStack(service.app, { name: 'key', batches: ['b3'] });
    assert.deepEqual([one.documents, one.list[0]?.batch], [3, 'b3']);
  });

  test('its SHA-256 is that of the text that sha256sum writes and checks', async (t) => {
    const { house, service } = await opened(t);
    await batchWith(house.fx.store, 'b1', newDocuments(3), 'admitted', of('b1'));
    const view = await showStack(service.app, { name: 'key', batches: [] });
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, 'list'), stackText(view.list));
    assert.equal(execFileSync('sha256sum', ['list'], { cwd: directory, encoding: 'utf8' }), `${view.sha256}  list\n`);
    execFileSync('mkdir', ['b1'], { cwd: directory });
    for (let n = 0; n < 3; n++) writeFileSync(join(directory, 'b1', `${n}.pdf`), `content ${n}`);
    assert.match(execFileSync('sha256sum', ['--check', 'list'], { cwd: directory, encoding: 'utf8' }), /b1\/2.pdf: OK/);
  });

  test('a batch that the key may not sign, that is unknown or not ready is refused by name; so is a key that signs no lists', async (t) => {
    const { house, service } = await opened(t);
    const { store } = house.fx;
    const ask = (...batches: string[]): Promise<unknown> => showStack(service.app, { name: 'key', batches });
    await batchWith(store, 'other', newDocuments(2), 'admitted', { ...of('other'), keys: ['another'] });
    await store.createBatch({ ...newBatch('early'), ...of('early') });
    await assert.rejects(ask('nobody'), sealError('SEAL-BATCH-UNKNOWN'));
    await assert.rejects(ask('other'), sealError('SEAL-KEY-DENIED'));
    await assert.rejects(ask('early'), { ...sealError('SEAL-BATCH-STATE'), message: /early \(claimed\): no document waits/ });
    await assert.rejects(ask(), sealError('SEAL-BATCH-STATE'));
    await assert.rejects(showStack(service.app, { name: 'nobody', batches: [] }), sealError('SEAL-KEY-UNKNOWN'));
    const app = { ...service.app, config: { ...service.app.config, keys: { key: { ...card, activation: 'window' as const } } } };
    await assert.rejects(showStack(app, { name: 'key', batches: [] }), sealError('SEAL-USAGE'));
    const shown = { batches: [], sha256: '00'.repeat(32) };
    await assert.rejects(
      activateKey({ ...service, app }, { name: 'key', stack: shown }, { ...karl, secret: pin() }),
      sealError('SEAL-USAGE'),
    );
  });

  test('the PIN counts for the list that was shown: another one, or none, is refused before the PIN is tried', async (t) => {
    const { house, service } = await opened(t);
    const { store } = house.fx;
    const documents = await batchWith(store, 'b1', newDocuments(3), 'admitted', of('b1'));
    const { sha256: shown } = await showStack(service.app, { name: 'key', batches: ['b1'] });
    let tries = 0;
    house.key.activate = () => {
      tries++;
      return Promise.resolve();
    };
    const activate = (stack?: { batches: string[]; sha256: string }): Promise<unknown> =>
      activateKey(service, { name: 'key', stack }, { ...karl, secret: pin() });
    await assert.rejects(activate(), sealError('SEAL-USAGE'));
    await store.failDocuments([{ document: documents[1]?.id ?? 0, error: failure }]);
    await assert.rejects(activate({ batches: ['b1'], sha256: shown }), {
      ...sealError('SEAL-KEY-STACK'),
      message: /not those that were shown/,
    });
    await batchWith(store, 'b2', newDocuments(1), 'admitted', of('b2'));
    const fewer = await showStack(service.app, { name: 'key', batches: ['b1'] });
    await assert.rejects(activate({ batches: [], sha256: fewer.sha256 }), sealError('SEAL-KEY-STACK'));
    assert.equal(tries, 0);
    assert.equal((await seenStack(service.app, { name: 'key', batches: ['b1'] }, fewer.sha256)).documents.length, 2);
  });

  test('the audit log says how many documents, and which list; and how far it came. key list tells what is left', async (t) => {
    const { house, service } = await opened(t);
    await batchWith(house.fx.store, 'b1', newDocuments(3), 'admitted', of('b1'));
    const { sha256: shown } = await showStack(service.app, { name: 'key', batches: [] });
    const view = await activateKey(service, { name: 'key', stack: { batches: [], sha256: shown } }, { ...karl, secret: pin() });
    assert.deepEqual(view.activation?.stack, { documents: 3, signed: 0, left: 3, sha256: shown });
    const [row] = await rows(house, 'key-activated');
    const { holder, kind, activation, stack } = row?.details ?? {};
    assert.deepEqual(
      [row?.actor, holder, kind, activation, stack],
      ['karl', 'Test Signer', 'mass', 'stack', { documents: 3, sha256: shown }],
    );
    assert.equal((await keyList(service.app, service.pool.view()))[0]?.activation?.stack?.left, 3);
    // One list at a time.
    const again = activateKey(service, { name: 'key', stack: { batches: [], sha256: shown } }, { ...karl, secret: pin() });
    await assert.rejects(again, { ...sealError('SEAL-KEY-STACK'), message: /active already/ });
    await assert.rejects(testKey(service, { name: 'key' }, karl), { ...sealError('SEAL-KEY-STACK'), message: /there is no trial/ });
    house.key.pull();
    await house.until('its end is recorded', async () => (await rows(house, 'key-activation-ended')).length === 1);
    const [end] = await rows(house, 'key-activation-ended');
    assert.deepEqual(end?.details['stack'], { documents: 3, signed: 0, sha256: shown });
  });

  test('a PIN that is refused leaves no list behind; of two at once the second is refused', async (t) => {
    const { house, service } = await opened(t);
    const { store } = house.fx;
    await batchWith(store, 'b1', newDocuments(3), 'admitted', of('b1'));
    const { sha256: shown } = await showStack(service.app, { name: 'key', batches: [] });
    const activate = (): Promise<unknown> =>
      activateKey(service, { name: 'key', stack: { batches: [], sha256: shown } }, { ...karl, secret: pin() });
    const enter = house.key.activate.bind(house.key);
    house.key.activate = () => Promise.reject(new Error('wrong PIN'));
    await assert.rejects(activate(), /wrong PIN/);
    assert.deepEqual((await rows(house, 'key-activation-refused'))[0]?.details['stack'], { documents: 3, sha256: shown });
    assert.equal(await store.stackOf('key', 1), undefined);
    house.key.activate = enter;
    const both = await Promise.allSettled([activate(), activate()]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.equal((await store.stackCounts('key', house.key.status().activation?.since ?? 0))?.left, 3);
  });
});
