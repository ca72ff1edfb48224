import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const top = new URL('../../', import.meta.url).pathname;

test('docs/card-events.md: every test that it names is there', () => {
  const rows = readFileSync(`${top}docs/card-events.md`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, file, name] = /\| ([\w.-]+\.ts): ([^|]+?) \|$/.exec(line) ?? [];
      return file === undefined || name === undefined ? [] : [{ file, name }];
    });
  assert.ok(rows.length > 30, `${rows.length} rows`);
  for (const { file, name } of rows) {
    const files = globSync(`test/**/${file}`, { cwd: top });
    assert.ok(
      files.some((each) => readFileSync(top + each, 'utf8').includes(name)),
      `${file}: ${name}`,
    );
  }
});
