import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { appendBatch } from '../../src/archive/append.ts';
import { checkArchive, type CheckFinding } from '../../src/archive/check.ts';
import { Closing } from '../../src/archive/closing.ts';
import { openTrust } from '../../src/pki/trust.ts';
import { appendDocuments, signedBatch, testArchive, type TestArchive } from '../support/archive.ts';
import { testAuthority } from '../support/authority.ts';
import type { Store } from '../../src/ports/store.ts';

const material = { certificates: [Buffer.from('certificate')], revocation: { crls: [Buffer.from('crl')], ocsps: [] }, reports: [] };

/** Three days: a batch, several tiles of leaves, and one that is still open. */
async function threeDays(t: TestContext): Promise<TestArchive> {
  const archive = await testArchive(t);
  const { fx, settings, clock } = archive;
  const closing = new Closing(fx, settings);
  const nextDay = async (): Promise<void> => {
    await clock.advance(24 * 3_600_000);
    await closing.tick();
    await clock.advance(60_000);
  };
  await closing.tick();
  await signedBatch(archive, 'batch', [{ name: 'a.txt' }, { name: 'b.pdf', embedded: true }]);
  await appendBatch(fx, settings.archive, { id: 'batch' }, material);
  await nextDay();
  await signedBatch(archive, 'second', [{ name: 'c.txt' }]);
  await appendBatch(fx, settings.archive, { id: 'second' }, material);
  await appendDocuments(
    archive,
    Array.from({ length: 900 }, (_, n) => `${n}`),
  );
  await nextDay();
  await signedBatch(archive, 'third', [{ name: 'd.txt' }]);
  await appendBatch(fx, settings.archive, { id: 'third' }, material);
  await nextDay();
  await appendDocuments(archive, ['still open']);
  return archive;
}

/** The store with one answer changed: damage on disk that SQLite does not notice. */
function spoilt(store: Store, change: Partial<Record<keyof Store, (...args: never[]) => unknown>>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const changed = change[name as keyof Store];
      const own = Reflect.get(target, name) as unknown;
      return changed ?? (typeof own === 'function' ? (own.bind(target) as unknown) : own);
    },
  });
}

async function findingsWith(archive: TestArchive, change: Parameters<typeof spoilt>[1]): Promise<readonly CheckFinding[]> {
  const { fx, settings } = archive;
  const { findings } = await checkArchive({ ...fx, store: spoilt(fx.store, change) }, settings.trust);
  return findings.filter(({ severity }) => severity === 'damage');
}

void test('a sound archive checks clean, and progress reaches the last leaf', async (t) => {
  const { fx, settings } = await threeDays(t);
  const steps: number[] = [];
  const result = await checkArchive(fx, settings.trust, { onProgress: (done, total) => steps.push(done / total) });
  assert.deepEqual(result.findings, []);
  assert.deepEqual([result.trees, result.tokens, result.leaves > 900], [4, 3, true]);
  assert.equal(steps.at(-1), 1);
});

void test('every kind of damage is named with its place', async (t) => {
  const archive = await threeDays(t);
  const { store } = archive.fx;
  const [first, second] = await store.trees({});
  assert.ok(first && second);
  const said = async (change: Parameters<typeof spoilt>[1]): Promise<string> =>
    (await findingsWith(archive, change)).map(({ where, what }) => `${where}: ${what}`).join('\n');

  const flip = (bytes: Buffer): Buffer => Buffer.from(bytes.map((octet, at) => (at === 40 ? octet ^ 1 : octet)));
  const ofSecond = (id: string, from?: number, count?: number) =>
    store.leafHashes(id, from, count).then((hashes) => (id === second.id ? flip(hashes) : hashes));
  const leaves = await said({ leafHashes: ofSecond });
  assert.match(leaves, new RegExp(`${second.id}: its leaves do not lead to its root`));
  assert.match(leaves, /foreign code computes another node/);

  const rows = await said({
    leavesPage: (id: string, after: number, limit: number) =>
      store.leavesPage(id, after, limit).then((page) => page.filter(({ index }) => index !== 3)),
  });
  assert.match(rows, new RegExp(`${second.id}: leaf 3 is missing`));

  const members = await said({
    leavesPage: (id: string, after: number, limit: number) =>
      store
        .leavesPage(id, after, limit)
        .then((page) => page.map((leaf) => (leaf.kind === 'group' ? { ...leaf, members: leaf.members.slice(1) } : leaf))),
  });
  assert.match(members, /is not the hash of its members/);

  const nodes = await said({ nodes: (...args: Parameters<Store['nodes']>) => store.nodes(...args).then(flip) });
  assert.match(nodes, /kept node 1 of level 8 is not that of its leaves/);

  const material = await said({ batchBlobs: (batch: string) => store.batchBlobs(batch).then((blobs) => blobs.slice(1)) });
  assert.match(material, /batch: 1 of 2 pieces of its material are missing/);

  const blob = await said({
    batchBlobs: (batch: string) => store.batchBlobs(batch).then((blobs) => blobs.map((one) => ({ ...one, bytes: Buffer.from('other') }))),
  });
  assert.match(blob, /has changed/);
});

void test('a token that is missing, exchanged or flipped is damage; so is a cut or rewritten audit log', async (t) => {
  const archive = await threeDays(t);
  const { store } = archive.fx;
  const [first, second, third] = await store.trees({});
  assert.ok(first && second && third);
  const said = async (change: Parameters<typeof spoilt>[1]): Promise<string> =>
    (await findingsWith(archive, change)).map(({ where, what }) => `${where}: ${what}`).join('\n');

  const missing = await said({ tokens: (id: string) => (id === first.id ? Promise.resolve([]) : store.tokens(id)) });
  assert.match(missing, new RegExp(`${first.id}: its timestamp is missing`));
  assert.match(missing, /holds the token of a day that is not in the archive any more/);

  const other = await store.tokens(second.id);
  const exchanged = await said({ tokens: (id: string) => (id === first.id ? Promise.resolve(other) : store.tokens(id)) });
  assert.match(exchanged, new RegExp(`${first.id}: timestamp 1 does not hold`));

  const flipped = await said({
    tokens: (id: string) =>
      store.tokens(id).then((tokens) =>
        tokens.map((token) => {
          const bytes = Buffer.from(token.token);
          bytes.writeUInt8((bytes.at(-5) ?? 0) ^ 1, bytes.length - 5);
          return { ...token, token: bytes };
        }),
      ),
  });
  assert.match(flipped, /timestamp 1 does not hold/);

  const cut = await said({
    auditRows: (after: number, limit: number) => store.auditRows(after, limit).then((rows) => rows.filter(({ seq }) => seq < 5)),
  });
  assert.match(cut, /holds a line of the audit log that is not there any more/);
  const changed = await said({
    auditRows: (after: number, limit: number) =>
      store.auditRows(after, limit).then((rows) => rows.map((row) => (row.seq === 2 ? { ...row, actor: 'nobody' } : row))),
  });
  assert.match(changed, /audit: audit line 2 does not follow/);
});

void test('a day cut out of the chain is noticed by the days around it', async (t) => {
  const archive = await threeDays(t);
  const { store } = archive.fx;
  const without = await findingsWith(archive, {
    trees: (query: Parameters<Store['trees']>[0]) => store.trees(query).then((trees) => trees.filter(({ seq }) => seq !== 2)),
  });
  assert.ok(without.some(({ what }) => what.includes('not in the archive any more')));
  const unlinked = await findingsWith(archive, {
    leavesPage: (id: string, after: number, limit: number) =>
      store
        .leavesPage(id, after, limit)
        .then((page) => page.map((leaf) => (leaf.kind === 'previous-token' ? { ...leaf, kind: 'document' } : leaf))),
  });
  assert.ok(unlinked.some(({ what }) => what.startsWith('does not hold the token of')));
});

void test('an authority that is not trusted any more is a notice, no damage', async (t) => {
  const { fx } = await threeDays(t);
  const trust = openTrust({
    anchors: [testAuthority({ name: 'Stranger' }).root.certificate],
    certificates: [],
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: 'require',
  });
  const { findings } = await checkArchive(fx, trust);
  assert.ok(findings.length > 0 && findings.every(({ severity }) => severity === 'notice'));
});

void test('a long check can be stopped', async (t) => {
  const { fx, settings } = await threeDays(t);
  const stop = new AbortController();
  const check = checkArchive(fx, settings.trust, {
    signal: stop.signal,
    onProgress: () => {
      stop.abort(new Error('enough'));
    },
  });
  await assert.rejects(check, /enough/);
});
