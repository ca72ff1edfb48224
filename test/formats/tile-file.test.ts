import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { checkOffset, damagedTile, nodesOfLevel, tileChecks, tileFileSize } from '../../src/formats/tile-file.ts';

void test('sizes of a tile file, and where its checks stand', () => {
  assert.deepEqual([nodesOfLevel(10_000_000, 0), nodesOfLevel(10_000_000, 8), nodesOfLevel(257, 8)], [10_000_000, 39_063, 2]);
  assert.deepEqual([tileFileSize(1, 32), tileFileSize(256, 32), tileFileSize(257, 64)], [36, 8196, 257 * 64 + 8]);
  assert.equal(checkOffset(257, 64, 1), 257 * 64 + 4);
});

void test('a check is the CRC-32 of its tile (“123456789” gives cbf43926); any changed octet names its tile', () => {
  assert.equal(tileChecks(Buffer.from('123456789'), 9).toString('hex'), 'cbf43926');
  const hashes = randomBytes(1000 * 48);
  const checks = tileChecks(hashes, 48);
  assert.equal(damagedTile(hashes, checks, 48), -1);
  for (const at of [0, 256 * 48 - 1, 256 * 48, 999 * 48]) {
    const other = Buffer.from(hashes);
    other[at] = (other[at] ?? 0) ^ 0x80;
    assert.equal(damagedTile(other, checks, 48), Math.floor(at / 48 / 256));
  }
  assert.equal(damagedTile(hashes, checks.subarray(0, 12), 48), 3, 'a check that is missing');
});
