import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, test } from 'node:test';

const top = new URL('../../', import.meta.url).pathname;
const pages = [
  ...['README.md', 'CHANGELOG.md', 'SECURITY.md'],
  ...readdirSync(join(top, 'docs'), { recursive: true, encoding: 'utf8' }).flatMap((name) =>
    name.endsWith('.md') ? [join('docs', name)] : [],
  ),
];

function read(page: string): string {
  return readFileSync(join(top, page), 'utf8');
}

/** As GitHub makes the name of a heading. */
function anchorsOf(page: string): Set<string> {
  const headings = read(page).matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('the documents hold together', () => {
  for (const page of pages)
    test(`links of ${page}`, () => {
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? join(top, page) : resolve(top, dirname(page), path);
        assert.ok(existsSync(file), `${page} points to ${target}`);
        if (anchor !== undefined) assert.ok(anchorsOf(file.slice(top.length)).has(anchor), `${page} points to ${target}: no such heading`);
      }
    });

  test('ARCHITECTURE.md names files and functions that exist', () => {
    for (const [, path = ''] of read('docs/ARCHITECTURE.md').matchAll(/`([a-z]+\/[a-z0-9/-]+)(?:\.ts)?`/g))
      assert.ok(existsSync(join(top, 'src', `${path}.ts`)) || existsSync(join(top, path)) || existsSync(join(top, 'src', path)), path);
    for (const [, path = '', name = ''] of read('docs/ARCHITECTURE.md').matchAll(/`([a-z]+\/[a-z-]+)` `(\w+)`/g))
      assert.match(read(`src/${path}.ts`), new RegExp(`export (async )?(function|class) ${name}\\b`), `${path} ${name}`);
  });

  test('its states are those of the machine', () => {
    const states = [...read('src/batch/states.ts').matchAll(/^ {2}(\w+): ['{]/gm)].map(([, state = '']) => state);
    assert.ok(states.length > 10);
    for (const state of states) {
      assert.ok(read('docs/ARCHITECTURE.md').includes(state), state);
      assert.ok(read('docs/operations.md').includes(`\`${state}\``), state);
    }
  });
});
