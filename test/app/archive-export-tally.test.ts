import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExportTally } from '../../src/app/archive-export-tally.ts';

void test('the result of a large export holds the first thousand files and counts all; its ends are those of all', () => {
  const tally = new ExportTally();
  for (let n = 0; n < 2500; n++)
    tally.add({
      records: [
        {
          file: `${n}`,
          tree: '2026-11-22.1',
          tsa: 'tsa',
          provenSince: `2026-11-${n === 2000 ? '23' : '22'}T18:00:00Z`,
          provesUntil: n === 2001 ? '2030-01-01T00:00:00Z' : n === 2002 ? 'no end is known' : '2031-01-01T00:00:00Z',
          final: true,
          state: n % 2 === 0 ? 'written' : 'kept',
        },
      ],
    });
  assert.equal(tally.records.length, 1000);
  assert.deepEqual(tally.counts, { written: 1250, renewed: 0, kept: 1250, missing: 0 });
  assert.deepEqual(tally.facts, { files: 2500, missing: 0, provenSince: '2026-11-23T18:00:00Z', provesUntil: '2030-01-01T00:00:00Z' });
});
