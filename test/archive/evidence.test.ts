import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { appendBatch, documentLeaves } from '../../src/archive/append.ts';
import { Closing } from '../../src/archive/closing.ts';
import { leavesOfDocument, leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import { recordsOfTree } from '../../src/archive/tree-records.ts';
import type { ProducedRecord } from '../../src/archive/produced-record.ts';
import { digestOf, sha256 } from '../../src/formats/digests.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import {
  appendDocuments,
  documentBytes,
  documentHash,
  outputBytes,
  signedBatch,
  testArchive,
  type TestArchive,
} from '../support/archive.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import type { EvidenceRecordReport } from '../../src/model/verification.ts';

const hour = 3_600_000;
const material = { certificates: [Buffer.from('certificate')], revocation: { crls: [], ocsps: [] }, reports: [] };
const documents = [{ name: 'a.txt' }, { name: 'b.pdf', embedded: true }, { name: 'c.txt' }];

/** A signed batch in an anchored tree. */
async function closedDay(
  t: TestContext,
  settings: Parameters<typeof testArchive>[1] = {},
): Promise<TestArchive & { readonly closing: Closing }> {
  const archive = await testArchive(t, settings);
  await signedBatch(archive, 'batch', documents);
  await appendBatch(archive.fx, archive.settings.archive, { id: 'batch' }, material);
  const closing = new Closing(archive.fx, archive.settings);
  await closing.close('test');
  return { ...archive, closing };
}

function verify({ authority, clock }: TestArchive, record: Buffer, objects: Readonly<Record<string, Buffer>>): EvidenceRecordReport {
  const options = {
    anchors: [authority.root.certificate],
    certificates: [],
    revocation: { crls: authority.crls(), ocsps: [], failures: [] },
    at: clock.now() + 1000,
    revocationMode: 'require' as const,
  };
  const context = new VerifyContext(options, new TrustKeeper());
  const given = Object.entries(objects).map(([name, bytes]) => ({
    name,
    digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, bytes),
  }));
  return verifyEvidenceRecord(record, given, {
    at: options.at,
    judge: (token, at) => judgeToken(context, token, { kind: 'evidence-record', at }),
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

void test('every document of a batch is proven by its record: the group by both members, input and output each by itself', async (t) => {
  const archive = await closedDay(t);
  const { fx, settings } = archive;
  for (const row of await fx.store.documents('batch')) {
    const name = row.relPath.toString();
    const leaves = await leavesOfDocument(fx, row.id);
    const kinds = leaves.map(({ kind }) => kind);
    assert.deepEqual(kinds, name === 'b.pdf' ? ['document', 'output'] : ['group']);
    assert.equal(documentLeaves(row, 'sha256').length, leaves.length);
    for (const leaf of leaves) {
      const [record] = await recordsOfLeaf(fx, settings.trust, leaf);
      assert.ok(record);
      const objects = {
        ...(leaf.kind === 'output' ? {} : { document: documentBytes(name) }),
        ...(leaf.kind === 'document' ? {} : { output: outputBytes(name, documents) }),
      };
      const report = verify(archive, record.der, objects);
      assert.deepEqual([report.indication, report.warnings], ['PASSED', []], report.errors.join('; '));
      const changed = verify(archive, record.der, { ...objects, other: Buffer.from('changed') });
      assert.equal(changed.indication, 'FAILED');
    }
  }
});

void test('all records of a day are those made one by one, bit for bit, each time', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  // More than one tile, an odd tail, and a document that comes twice.
  const names = [...Array.from({ length: 777 }, (_, n) => `${n}`), '5'];
  await appendDocuments(archive, names);
  await new Closing(fx, settings).close('test');
  const day = await all(recordsOfTree(fx, settings.trust, '2026-11-22.1'));
  assert.equal(day.length, 778);
  for (const index of [0, 1, 255, 256, 511, 512, 700, 776]) {
    const leaf = await fx.store.leaf('2026-11-22.1', index);
    assert.ok(leaf);
    const [first] = await recordsOfLeaf(fx, settings.trust, leaf);
    const [again] = await recordsOfLeaf(fx, settings.trust, leaf);
    assert.ok(first && again);
    const inDay: ProducedRecord | undefined = day.find((record) => record.leaf.index === index);
    assert.deepEqual([again.der, inDay?.der], [first.der, first.der]);
    assert.equal(verify(archive, first.der, { [`${index}`]: documentBytes(`${index}`) }).indication, 'PASSED');
  }
  assert.equal(day.filter(({ leaf }) => leaf.hash.equals(documentHash('5'))).length, 2);
});

void test('a record tells until when it proves, and whether its bits are final', async (t) => {
  const archive = await closedDay(t);
  const { fx, settings, clock, closing, authority } = archive;
  const [leaf] = await leavesOfHash(fx, documentHash('a.txt'));
  assert.ok(leaf);
  const [before] = await recordsOfLeaf(fx, settings.trust, leaf);
  assert.equal(before?.final, false);
  assert.ok(before.provesUntil > clock.now() + 4 * 365 * 24 * hour && before.provesUntil < clock.now() + 6 * 365 * 24 * hour);
  await clock.advance(48 * hour);
  await closing.tick();
  const [frozen] = await recordsOfLeaf(fx, settings.trust, leaf);
  assert.equal(frozen?.final, true);
  const [timestamp] = parseEvidenceRecord(frozen.der).chains[0]?.timestamps ?? [];
  assert.deepEqual(timestamp && checkBasisErs(timestamp.timeStamp), []);
  authority.setTime(clock.now());
  assert.equal(verify(archive, frozen.der, { a: documentBytes('a.txt') }).indication, 'PASSED');
});

void test('two timestamps give two independent records over one root', async (t) => {
  const archive = await closedDay(t, { timestamps: 2 });
  const { fx, settings } = archive;
  const [leaf] = await leavesOfHash(fx, documentHash('b.pdf'));
  assert.ok(leaf);
  const records = await recordsOfLeaf(fx, settings.trust, leaf);
  assert.deepEqual(
    records.map(({ n, tsa }) => [n, tsa]),
    [
      [1, 'first'],
      [2, 'second'],
    ],
  );
  for (const { der } of records) assert.equal(verify(archive, der, { b: documentBytes('b.pdf') }).indication, 'PASSED');
});

void test('the material of a batch is proven piece by piece', async (t) => {
  const archive = await closedDay(t);
  const { fx, settings } = archive;
  for (const { bytes } of await fx.store.batchBlobs('batch')) {
    const [leaf] = await leavesOfHash(fx, sha256(bytes));
    assert.ok(leaf);
    const [record] = await recordsOfLeaf(fx, settings.trust, leaf);
    assert.equal(record && verify(archive, record.der, { bytes }).indication, 'PASSED');
  }
});

void test('what the archive does not hold, or has not anchored yet, is said with what to do', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  await assert.rejects(leavesOfHash(fx, documentHash('nobody')), { code: 'SEAL-ARCHIVE-UNKNOWN' });
  await assert.rejects(leavesOfDocument(fx, 77), { code: 'SEAL-ARCHIVE-UNKNOWN' });
  await appendDocuments(archive, ['a']);
  const [leaf] = await leavesOfHash(fx, documentHash('a'));
  assert.ok(leaf);
  await assert.rejects(recordsOfLeaf(fx, settings.trust, leaf), { code: 'SEAL-ARCHIVE-OPEN' });
  await assert.rejects(all(recordsOfTree(fx, settings.trust, 'nope')), { code: 'SEAL-ARCHIVE-UNKNOWN' });
});

void test('a record that does not lead to the stamped root never leaves the house', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  await appendDocuments(archive, ['a', 'b', 'c']);
  await new Closing(fx, settings).close('test');
  const [leaf] = await leavesOfHash(fx, documentHash('a'));
  assert.ok(leaf);
  const damaged = {
    store: new Proxy(fx.store, {
      get: (store, name) => (name === 'leafHashes' ? () => Promise.resolve(Buffer.alloc(96)) : Reflect.get(store, name)) as unknown,
    }),
  };
  await assert.rejects(recordsOfLeaf(damaged, settings.trust, leaf), { code: 'SEAL-ARCHIVE-DAMAGED' });
  await assert.rejects(all(recordsOfTree(damaged, settings.trust, leaf.tree)), { code: 'SEAL-ARCHIVE-DAMAGED' });
});

void test('OpenSSL finds the root of the day in the token', needs('openssl'), async (t) => {
  const archive = await testArchive(t, {}, Math.floor(Date.now() / 1000) * 1000 - 60_000);
  const { fx, settings, authority } = archive;
  await appendDocuments(archive, ['a', 'b', 'c']);
  await new Closing(fx, settings).close('test');
  const [tree] = await fx.store.trees({});
  const [token] = await fx.store.tokens(tree?.id ?? '');
  assert.ok(tree?.root && token);
  const directory = await temporaryDirectory(t);
  const { trust, intermediates } = authority.write(directory);
  const file = join(directory, 'token.tst');
  writeFileSync(file, token.token);
  const check = (digest: Buffer): string =>
    execFileSync(
      'openssl',
      ['ts', '-verify', '-digest', digest.toString('hex'), '-in', file, '-token_in', '-CAfile', trust, '-untrusted', intermediates],
      { encoding: 'utf8', stdio: 'pipe' },
    );
  assert.match(check(tree.root), /Verification: OK/);
  const { root } = tree;
  assert.throws(() => check(sha256(root)));
});
