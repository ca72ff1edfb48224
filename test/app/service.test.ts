import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { cancelBatch, retryBatch } from '../../src/app/batch-actions.ts';
import type { Call } from '../../src/app/context.ts';
import { SealError } from '../../src/errors.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import type { RootConfig } from '../../src/model/config.ts';
import type { Store } from '../../src/ports/store.ts';
import { fixture, mortal, ServiceHouse, type Ready } from '../support/service.ts';

const call: Call = { actor: 'karl', progress: () => undefined, signal: new AbortController().signal };

/** READY names each file with size and SHA-256, and nothing else lies there. */
function announced(house: ServiceHouse, path: string, root: RootConfig = house.root): Ready {
  const ready = house.ready(path, root);
  const output = join(root.outgoing, path);
  for (const { name, size, sha256 } of ready.files) {
    const bytes = readFileSync(join(output, name));
    assert.deepEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')], [size, sha256], name);
  }
  assert.deepEqual(
    house.files(output).filter((name) => name !== root.ready),
    ready.files.map(({ name }) => name).sort(),
  );
  return ready;
}

/** What the archive keeps beside a batch: its certificates, and of each other kind whether it is there. */
async function material(store: Store, batch: string): Promise<string[]> {
  const kinds = (await store.batchBlobs(batch)).map(({ kind }) => kind).sort();
  return kinds.filter((kind, index) => kind === 'certificate' || kinds.indexOf(kind) === index);
}

const kept = ['certificate', 'certificate', 'certificate', 'crl', 'report', 'semaphore'];

/** The store with some methods that do something else. */
function withMethods(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, { get: (target, name) => (methods[name as keyof Store] ?? Reflect.get(target, name)) as unknown });
}

suite('a batch through the whole house', () => {
  test('a PDF and a text are signed, verified, archived and delivered', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('day/a', { 'letter.pdf': fixture('libreoffice.pdf'), 'd/note.txt': 'a note' }, '{"priority": 3}');
    const { id } = await house.take(service, 'day/a');
    assert.equal((await house.reaches(id)).state, 'delivered');
    const { counts, files } = announced(house, 'day/a');
    assert.deepEqual(counts, { documents: 2, delivered: 2, failed: 0 });
    assert.deepEqual(
      files.map(({ name }) => name),
      ['d/note.txt', 'd/note.txt.p7s', 'letter.pdf', 'batch-report.json'],
    );
    assert.deepEqual(house.files(join(house.root.done, 'day/a')), ['APPROVED', 'd/note.txt', 'letter.pdf']);
    assert.equal(house.key.signatures, 2);
    const documents = await house.fx.store.documents(id);
    assert.deepEqual(
      documents.map(({ leaves }) => leaves?.map(({ what }) => what)),
      [['group'], ['document', 'output']],
    );
    assert.deepEqual(await material(house.fx.store, id), kept);
    const blobs = await house.fx.store.batchBlobs(id);
    assert.equal(blobs.find(({ kind }) => kind === 'semaphore')?.bytes.toString(), '{"priority": 3}');
  });

  test('keys: none archives and delivers documents unsigned', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { keys: [] } } });
    const service = await house.service();
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'delivered');
    assert.deepEqual(
      announced(house, 'a').files.map(({ name }) => name),
      ['x.txt', 'batch-report.json'],
    );
    const [document] = await house.fx.store.documents(id);
    assert.deepEqual(
      document?.leaves?.map(({ what }) => what),
      ['document'],
    );
    assert.equal(house.key.signatures, 0);
  });

  test('an archive of SHA-512 gets its hashes from the same reading', async (t) => {
    const house = await ServiceHouse.open(t, { archive: { digest: 'sha512' } });
    const service = await house.service();
    house.place('a', { 'x.txt': 'x', 'y.pdf': fixture('ghostscript.pdf') });
    const { id } = await house.take(service, 'a');
    await house.reaches(id, 'delivered');
    const [text] = await house.fx.store.documents(id);
    const leaf = await house.fx.store.leaf(text?.leaves?.[0]?.tree ?? '', text?.leaves?.[0]?.index ?? -1);
    const output = readFileSync(join(house.root.outgoing, 'a/x.txt.p7s'));
    assert.deepEqual(
      leaf?.members.map((member) => member.toString('hex')).sort(),
      [Buffer.from('x'), output].map((bytes) => createHash('sha512').update(bytes).digest('hex')).sort(),
    );
  });

  test('keep decides what stays beyond hashes', async (t) => {
    for (const keep of ['none', 'signatures', 'documents'] as const) {
      const house = await ServiceHouse.open(t, { archive: { keep } });
      const service = await house.service();
      house.place('a', { 'x.txt': 'x' });
      const { id } = await house.take(service, 'a');
      await house.reaches(id, 'delivered');
      const [document] = await house.fx.store.documents(id);
      assert.equal((document?.signature?.parts.length ?? 0) > 0, keep !== 'none', keep);
      assert.equal(existsSync(join(house.config.dataDir, 'spool', id)), false);
      assert.equal(existsSync(join(house.config.dataDir, 'kept', id, '0')), keep === 'documents', keep);
    }
  });
});

suite('what fails', () => {
  test('failBatch: nothing is delivered; a retry makes only the signatures that are missing', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.place('a', { 'broken.pdf': fixture('broken.pdf'), 'x.txt': 'x', 'y.txt': 'y' }, '{"profile": "seal"}');
    const { id } = await house.take(service, 'a');
    const { state, error } = await house.reaches(id);
    assert.deepEqual([state, error?.code], ['failed', 'SEAL-DOC-DAMAGED']);
    assert.equal(existsSync(join(house.root.outgoing, 'a')), false);
    const failed = join(house.root.failed, 'a');
    assert.deepEqual(house.files(failed), ['APPROVED', 'FAILED', 'broken.pdf', 'error.json', 'x.txt', 'y.txt']);
    assert.equal(house.key.signatures, 2);

    writeFileSync(join(failed, 'broken.pdf'), fixture('pdftex.pdf'));
    const { batch = '', message } = await retryBatch(service, { id, again: false }, call);
    assert.match(message, /2 signatures are used again/);
    const retried = await house.reaches(batch);
    assert.deepEqual([retried.state, retried.partOf], ['delivered', id]);
    assert.equal(house.key.signatures, 3);
    const { partOf, counts } = announced(house, 'a');
    assert.deepEqual([partOf, counts], [id, { documents: 3, delivered: 3, failed: 0 }]);
    assert.deepEqual(house.files(house.root.failed), []);
    await assert.rejects(retryBatch(service, { id: batch, again: false }, call), { code: 'SEAL-BATCH-ENDED' });
  });

  test('deliverRest: the rest is delivered, the remainder comes later beside it, with what it is part of', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { onError: 'deliverRest' } } });
    const service = await house.service();
    house.place('day/a', { 'sub/broken.pdf': fixture('broken.pdf'), 'x.txt': 'x' });
    const { id } = await house.take(service, 'day/a');
    assert.equal((await house.reaches(id)).state, 'delivered');
    assert.deepEqual(announced(house, 'day/a').counts, { documents: 2, delivered: 1, failed: 1 });
    const failed = join(house.root.failed, 'day/a');
    assert.deepEqual(house.files(failed), ['FAILED', 'error.json', 'sub/broken.pdf']);
    writeFileSync(join(failed, 'sub/broken.pdf'), fixture('pdftex.pdf'));
    const { batch = '' } = await retryBatch(service, { id, again: false }, call);
    assert.equal((await house.reaches(batch)).state, 'delivered');
    const remainder = announced(house, 'day/a~2');
    assert.deepEqual([remainder.partOf, remainder.counts], [id, { documents: 1, delivered: 1, failed: 0 }]);
    assert.deepEqual(house.files(join(house.root.done, 'day/a~2')), ['sub/broken.pdf']);
    const { documents } = await house.fx.store.totals();
    assert.deepEqual(documents, { in: 2, delivered: 2, failed: 0, waiting: 0 }, 'what came in went out, each once');
  });

  test('cancelled while it waits: everything lies in failed/ and comes back by retry', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.key.pull();
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(service, 'a');
    await house.waits(id, 'SEAL-KEY-ABSENT');
    await cancelBatch(service, { id }, call);
    await house.reaches(id, 'cancelled');
    assert.deepEqual(house.files(join(house.root.failed, 'a')), ['APPROVED', 'FAILED', 'error.json', 'x.txt']);
    await assert.rejects(cancelBatch(service, { id }, call), { code: 'SEAL-BATCH-ENDED' });
    const { batch = '' } = await retryBatch(service, { id, again: false }, call);
    house.key.insert();
    await house.reaches(batch, 'delivered');
    assert.deepEqual(house.files(house.root.failed), []);
  });
});

suite('what is not there for a while', () => {
  test('no TSA: the signatures wait for their timestamps and none is made twice', async (t) => {
    const house = await ServiceHouse.open(t, { roots: { letters: { profile: 'stamped' } } });
    const service = await house.service();
    house.tsa.down = true;
    house.place('a', { 'x.txt': 'x', 'y.pdf': fixture('pdftex.pdf') });
    const { id } = await house.take(service, 'a');
    const { state, waiting } = await house.waits(id, 'SEAL-TSA-UNAVAILABLE');
    assert.equal(state, 'admitted');
    assert.match(waiting?.message ?? '', /does not answer/);
    assert.deepEqual(service.runner.counts(), { running: 0, waiting: 1 });
    house.tsa.down = false;
    await house.clock.advance(60_000);
    await house.reaches(id, 'delivered');
    assert.equal(house.key.signatures, 2);
    const documents = await house.fx.store.documents(id);
    assert.deepEqual(
      documents.map(({ signature }) => signature?.level),
      ['B-T', 'B-T'],
    );
  });

  test('no revocation data: nothing is released, and no signature is spent again when it comes', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    house.offline = true;
    house.place('a', { 'x.txt': 'x', 'y.pdf': fixture('pdftex.pdf') });
    const { id } = await house.take(service, 'a');
    const { state, waiting } = await house.waits(id, 'SEAL-TRUST-REVOCATION');
    assert.equal(state, 'admitted');
    assert.match(waiting?.message ?? '', /http:\/\/crl: no answer/);
    assert.equal(existsSync(join(house.root.outgoing, 'a')), false);
    house.offline = false;
    await house.clock.advance(60_000);
    await house.reaches(id, 'delivered');
    assert.equal(house.key.signatures, 2);
  });

  test('a signer that was revoked is a verdict: the batch fails and says so', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const [certificate] = house.key.key()?.chain ?? [];
    assert.ok(certificate);
    house.authority.revoke({ serialNumber: serialOf(certificate) }, { at: house.clock.now() - 86_400_000 });
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(service, 'a');
    const { state, error } = await house.reaches(id);
    assert.equal(state, 'failed');
    assert.equal(error?.code, 'SEAL-VERIFY-FAILED');
    assert.match(error.message, /REVOKED/);
  });

  test('a root or a profile that the configuration lost: the batch waits or can be retried, nothing of it is touched', async (t) => {
    const house = await ServiceHouse.open(t);
    const first = await house.service();
    house.key.pull();
    house.place('a', { 'x.txt': 'x' });
    const { id } = await house.take(first, 'a');
    await house.waits(id, 'SEAL-KEY-ABSENT');
    await first.close();
    house.key.insert();

    const rootless = await house.service({}, { ...house.config, roots: {} });
    await rootless.runner.resume();
    const { waiting } = await house.waits(id, 'SEAL-ROOT-UNUSABLE');
    assert.match(waiting?.hint ?? '', /put it back/);
    await rootless.close();

    const profileless = await house.service({}, { ...house.config, profiles: {} });
    await profileless.runner.resume();
    const { error } = await house.reaches(id, 'failed');
    assert.deepEqual([error?.code, error?.retryable], ['SEAL-CONFIG-PROFILE', true]);
  });

  test('signatures that could not be recorded count as in doubt, and no document goes out without one', async (t) => {
    const house = await ServiceHouse.open(t);
    const { store } = house.fx;
    let lost = 0;
    const service = await house.service({
      store: withMethods(store, {
        recordOutcomes: async (outcomes) => {
          if (lost++ === 0) throw new SealError('SEAL-STORE-CORRUPT', 'a test did this');
          await store.recordOutcomes(outcomes);
        },
      }),
    });
    house.place('a', { 'x.txt': 'x', 'y.txt': 'y' });
    const { id } = await house.take(service, 'a');
    await house.waits(id, 'SEAL-STORE-CORRUPT');
    await house.clock.advance(2_000);
    await house.reaches(id, 'delivered');
    assert.deepEqual(await store.signatureCounts('key', 0), { signed: 2, doubt: 2, open: 0, discarded: 0 });
    const ready = announced(house, 'a');
    assert.equal(ready.files.filter(({ name }) => name.endsWith('.p7s')).length, 2);
  });
});

function serialOf(certificate: Buffer): Buffer {
  return parseCertificate(certificate).serialNumber;
}

suite('killed at any write to the database', () => {
  for (const when of ['before', 'after'] as const) {
    test(`${when} it is made: the batch is delivered once, no signature unnoticed, and the archive keeps the same beside it`, async (t) => {
      const house = await ServiceHouse.open(t, { roots: { letters: { onError: 'deliverRest' } } });
      const causes = new Set<string>();
      for (let nth = 1; ; nth++) {
        assert.ok(nth < 60);
        const path = `b${nth}`;
        house.place(path, { 'x.txt': path, 'y.pdf': fixture('ghostscript.pdf'), 'z.pdf': fixture('broken.pdf') }, '{"priority": 1}');
        const death = mortal(house.fx, nth, when);
        const first = await house.service(death.fx);
        const id = await house.take(first, path).then(
          (batch) => batch.id,
          () => undefined,
        );
        await house.until(
          'death or delivery',
          async () => death.dead() || (id !== undefined && (await house.batch(id)).state === 'delivered'),
        );
        await death.idle();
        if (existsSync(join(house.root.outgoing, path, 'READY'))) announced(house, path);
        if (!death.dead()) break;
        causes.add(death.cause());
        const second = await house.service();
        await second.runner.resume();
        // A claim that was not completed leaves the directory to the producer: it is found again.
        await house.until('no claim is open', async () => !(await house.fx.store.unfinished()).some(({ state }) => state === 'claiming'));
        if (existsSync(join(house.root.incoming, path))) await house.take(second, path);
        const [batch] = (await house.fx.store.batches({})).filter((one) => one.relPath.toString() === path && one.state !== 'abandoned');
        assert.ok(batch, path);
        await house.reaches(batch.id, 'delivered');
        assert.deepEqual(announced(house, path).counts, { documents: 3, delivered: 2, failed: 1 }, death.cause());
        assert.deepEqual(house.files(join(house.root.done, path)), ['APPROVED', 'x.txt', 'y.pdf'], death.cause());
        assert.deepEqual(house.files(join(house.root.failed, path)), ['FAILED', 'error.json', 'z.pdf'], death.cause());
        assert.deepEqual(await material(house.fx.store, batch.id), kept, death.cause());
        await second.close();
      }
      t.diagnostic([...causes].join(', '));
      const { signed, doubt, open } = await house.fx.store.signatureCounts('key', 0);
      assert.equal(open, 0);
      assert.equal(signed, 2 * (await house.fx.store.batches({ states: ['delivered'] })).length);
      assert.ok(signed + doubt >= house.key.signatures, 'each signature is recorded or in doubt');
      const { documents } = await house.fx.store.totals();
      assert.equal(documents.in, documents.delivered + documents.failed + documents.waiting);
    });
  }
});
