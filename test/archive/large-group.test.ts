import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Closing } from '../../src/archive/closing.ts';
import { leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { hashList } from '../../src/formats/ers-hash.ts';
import { appendDocuments, documentHash, testArchive } from '../support/archive.ts';

void test('a data-object group of 50,000 members: any of them finds it, and its record holds them all in order (RFC 4998 §4.2)', async (t) => {
  const archive = await testArchive(t);
  const { fx, settings } = archive;
  const members = Array.from({ length: 50_000 }, (_, n) => documentHash(`member ${n}`));
  await appendDocuments(archive, ['before']);
  const tree = { date: '2026-11-22', at: fx.clock.now(), digest: 'sha256', layout: 1 } as const;
  await fx.store.appendLeaves({ tree, leaves: [{ kind: 'group', members }], blobs: [] });
  // So that the group is in the lookup, not among the last leaves.
  await appendDocuments(
    archive,
    Array.from({ length: 5_000 }, (_, n) => `after ${n}`),
  );
  await new Closing(fx, settings).close('test');
  for (const n of [0, 24_999, 49_999]) {
    const leaves = await leavesOfHash(fx, documentHash(`member ${n}`));
    assert.deepEqual(
      leaves.map(({ index, hash }) => [index, hash]),
      [[1, hashList(members, 'sha256')]],
    );
  }
  const [leaf] = await leavesOfHash(fx, documentHash('member 7'));
  assert.ok(leaf);
  const [record] = await recordsOfLeaf(fx, settings.trust, leaf);
  const first = parseEvidenceRecord(record?.der ?? Buffer.alloc(0)).chains[0]?.timestamps[0]?.reducedHashtree?.[0] ?? [];
  assert.ok(Buffer.concat(first).equals(Buffer.concat(members.sort((a, b) => a.compare(b)))));
});
