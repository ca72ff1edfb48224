import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance } from '../../src/formats/edit-distance.ts';

test('the distance counts what is missing, too much, wrong or swapped', () => {
  const slips: readonly (readonly [string, string, number])[] = [
    ['pdf', 'pdf', 0],
    ['pdf', 'pfd', 1],
    ['APROVED', 'APPROVED', 1],
    ['APPROVEDD', 'APPROVED', 1],
    ['APPROVES', 'APPROVED', 1],
    ['', 'READY', 5],
    ['incoming', 'outgoing', 5],
  ];
  for (const [one, other, far] of slips) {
    assert.equal(editDistance(one, other), far, `${one} ${other}`);
    assert.equal(editDistance(other, one), far, `${other} ${one}`);
  }
});
