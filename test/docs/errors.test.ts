import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { codes } from '../../src/errors.ts';
import { errorsPage, errorsPath } from './make-errors.ts';

test('docs/errors.md lists every error code as it is in the sources', () => {
  assert.equal(readFileSync(errorsPath, 'utf8'), errorsPage(), 'run: bin/node test/docs/make-errors.ts');
});

test('every exit status of an error is one that docs/operations.md explains', () => {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split('## Exit statuses');
  for (const [code, { exit }] of Object.entries(codes))
    assert.match(section, new RegExp(`^\\| ${exit} \\|`, 'm'), `${code} ends with ${exit}`);
});
