import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const top = new URL('../../', import.meta.url).pathname;
let copy: string;

before(async () => {
  copy = await mkdtemp(join(tmpdir(), 'sealtree-layers-'));
  await cp(join(top, 'src'), join(copy, 'src'), { recursive: true });
  for (const file of ['.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) await cp(join(top, file), join(copy, file));
  await symlink(join(top, 'node_modules'), join(copy, 'node_modules'));
});

after(async () => {
  await rm(copy, { recursive: true, force: true });
});

/** A cruiser that resolves nothing passes everything: each rule must find a breach that is planted for it. */
const breaches: readonly (readonly [rule: string, file: string, line: string])[] = [
  ['resolved', 'app/planted.ts', "import './nowhere.ts';"],
  ['base-imports-base', 'model/planted.ts', "import '../formats/der.ts';"],
  ['formats-are-pure', 'formats/planted.ts', "import '../store/sqlite.ts';"],
  ['formats-no-io', 'formats/planted.ts', "import 'node:os';"],
  ['pki-looks-down', 'pki/planted.ts', "import '../signer/sign.ts';"],
  ['authority-looks-down', 'authority/planted.ts', "import '../signer/sign.ts';"],
  ['stages-are-siblings', 'signer/planted.ts', "import '../archive/append.ts';"],
  ['stages-look-down', 'verify/planted.ts', "import '../batch/runner.ts';"],
  ['batch-uses-stage-entries', 'batch/planted.ts', "import '../signer/pool.ts';"],
  ['app-uses-entries', 'app/planted.ts', "import '../effects/clock.ts';"],
  ['doors-call-use-cases', 'cli/planted.ts', "import '../batch/runner.ts';"],
  ['only-cli-calls-compose', 'app/planted.ts', "import '../compose.ts';"],
  ['only-cli-calls-compose', 'app/planted.ts', "import '../compose/verify.ts';"],
  ['only-compose-plugs-adapters', 'app/planted.ts', "import '../store/sqlite.ts';"],
  ['adapters-look-down', 'effects/planted.ts', "import '../app/context.ts';"],
  ['io-at-the-edge', 'archive/planted.ts', "import 'node:fs';"],
  ['pkcs11-one-room', 'app/planted.ts', "import 'pkcs11js';"],
  ['sqlite-one-room', 'effects/planted.ts', "import 'better-sqlite3';"],
  ['workers-are-started', 'app/planted.ts', "import '../workers/documents.ts';"],
];

for (const [rule, file, line] of breaches) {
  test(`the layer rule “${rule}” finds a breach`, async () => {
    const path = join(copy, 'src', file);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, `${line}\n`);
    const run = spawnSync(
      process.execPath,
      [
        join(top, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
        `src/${file}`,
        '--config',
        '.dependency-cruiser.cjs',
        '--output-type',
        'json',
      ],
      { cwd: copy, encoding: 'utf8', maxBuffer: 2 ** 26 },
    );
    await rm(path);
    const { summary } = JSON.parse(run.stdout) as { summary: { violations: { rule: { name: string } }[] } };
    assert.ok(
      summary.violations.some((violation) => violation.rule.name === rule),
      `${rule} not among ${summary.violations.map((violation) => violation.rule.name).join(', ')}`,
    );
  });
}
