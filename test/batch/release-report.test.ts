import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReleaseReport } from '../../src/batch/release-report.ts';
import { sha256 } from '../../src/formats/digests.ts';
import type { Blob } from '../../src/model/archive.ts';
import type { BatchDocument } from '../../src/model/batch.ts';
import { newBatch } from '../suites/store-samples.ts';

const documents = 30_000;

async function* many(): AsyncGenerator<BatchDocument> {
  for (let seq = 0; seq < documents; seq++)
    yield await Promise.resolve({
      ...{ id: seq, batch: 'b1', seq, relPath: Buffer.from(`${'x'.repeat(200)} ${seq}`), size: 1, state: 'verified' },
      digests: [['sha256', sha256(Buffer.from(`${seq}`))]],
    });
}

void test('the report of a large batch goes to the store in parts while it is made; one behind the other they name every document', async () => {
  const kept: Blob[] = [];
  const store = {
    putBlobs: (blobs: readonly Blob[], batch?: string) => {
      assert.equal(batch, 'b1');
      kept.push(...blobs);
      return Promise.resolve();
    },
  };
  const report = new ReleaseReport({ store }, { ...newBatch('b1'), documents, failed: 0 }, 'sha512');
  let seen = 0;
  for await (const document of report.noting(many())) {
    assert.equal(document.seq, seen++);
    if (seen === documents) assert.ok(kept.length > 0, 'nothing was kept on the way');
  }
  const parts = await report.end();
  assert.ok(kept.length > 1 && kept.every(({ bytes }) => bytes.length < 5 << 20));
  assert.deepEqual(
    parts.map((part) => [part.sha256, part.member.length]),
    kept.map((blob) => [sha256(blob.bytes), 64]),
  );
  const lines = Buffer.concat(kept.map(({ bytes }) => bytes))
    .toString()
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, documents + 1);
  assert.deepEqual(JSON.parse(lines.at(-1) ?? ''), {
    document: `${'x'.repeat(200)} ${documents - 1}`,
    input: { sha256: sha256(Buffer.from(`${documents - 1}`)).toString('hex') },
  });
});
