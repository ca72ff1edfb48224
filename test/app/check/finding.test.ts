import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { exitOfFindings, failed, ok, tried, warning } from '../../../src/app/check/finding.ts';
import { SealError } from '../../../src/errors.ts';

suite('findings of check', () => {
  test('the exit status is that of the worst error; warnings are none', () => {
    const of = (...codes: ('SEAL-TSA-UNAVAILABLE' | 'SEAL-CONFIG-SECRET' | 'SEAL-KEY-ABSENT')[]) =>
      exitOfFindings([ok('a', ''), warning('b', ''), ...codes.map((code) => failed('c', new SealError(code, '')))]);
    assert.equal(of(), 0);
    assert.equal(of('SEAL-TSA-UNAVAILABLE'), 75);
    assert.equal(of('SEAL-TSA-UNAVAILABLE', 'SEAL-KEY-ABSENT'), 69);
    assert.equal(of('SEAL-KEY-ABSENT', 'SEAL-CONFIG-SECRET', 'SEAL-TSA-UNAVAILABLE'), 78);
  });

  test('what is thrown becomes a line with code, place and remedy', async () => {
    const error = new SealError('SEAL-INPUT-MISSING', 'no such file', { where: '/x', hint: 'make it' });
    assert.deepEqual(await tried('trust', () => Promise.reject(error)), [
      { status: 'error', what: 'trust', message: 'no such file (/x)', code: 'SEAL-INPUT-MISSING', hint: 'make it' },
    ]);
  });
});
