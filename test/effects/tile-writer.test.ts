import assert from 'node:assert/strict';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../support/judges/program.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';

const writer = new URL('../../src/effects/tile-writer.ts', import.meta.url).href;

void test('directories that a killed writing left are synced before their files count', needs('strace'), async (t) => {
  const home = realpathSync(await temporaryDirectory(t));
  const tree = join(home, 'tiles', '2026-11-22.1');
  mkdirSync(tree, { recursive: true });
  const program = `import { TileWriter } from ${JSON.stringify(writer)};
    const files = new TileWriter(${JSON.stringify(tree)}, 32, 1);
    files.add(0, Buffer.alloc(32));
    files.finish();`;
  const trace = ['-f', '-y', '-e', 'trace=fsync', process.execPath, '--input-type=module', '-e', program];
  const { stderr } = await runProgram('strace', trace);
  for (const directory of [home, join(home, 'tiles'), tree]) assert.ok(stderr.includes(`<${directory}>)`), `${directory}: ${stderr}`);
});
