import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pageScript } from '../../src/archive/bundle-page/script.ts';
import { bundleReadme } from '../../src/archive/bundle-readme.ts';
import type { ProofView } from '../../src/archive/bundle-view.ts';
import { runProgram } from '../support/judges.ts';
import { bundleHouse } from '../support/proof-bundles.ts';
import { needs } from '../support/tools.ts';

/** Runs the commands of a README as its reader does. */
async function runReadme(proof: string): Promise<string> {
  const commands = readFileSync(join(proof, 'README.txt'), 'utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith('    ') ? [line.slice(4)] : []));
  const { stdout, stderr } = await runProgram('sh', ['-s'], { cwd: proof, input: commands.join('\n') });
  return stdout.toString() + stderr;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(directory, name)).isFile());
}

const verified = (output: string): number => output.split('Verification: OK').length - 1;

void test(
  'the commands of the README prove a renewed document with openssl alone, and refuse a changed one',
  needs('openssl', 'xxd'),
  async (t) => {
    const hostile = `it's $(touch owned) \`touch owned\` "x" & <b>.txt`;
    const names = [hostile, 'neighbour', 'third'];
    const house = await bundleHouse(t, names);
    await house.renewTimestamps();
    await house.renewTimestamps();
    await house.rehash('sha512', names);
    await house.renewTimestamps();
    const proof = await house.bundle(hostile);
    const output = await runReadme(proof);
    assert.equal(verified(output), 5, output);
    assert.ok(!existsSync(join(proof, 'owned')));
    const [document = ''] = readdirSync(join(proof, 'document'));
    appendFileSync(join(proof, 'document', document), ' ');
    const changed = await runReadme(proof);
    // Two timestamps are over the document, three over timestamps.
    assert.equal(verified(changed), 3, changed);
  },
);

void test('names, whatever is in them, are text in the page, and the policy lets nothing but our script run', async (t) => {
  const name = `<img src=x onerror=alert(1)>\u202e"'&.txt`;
  const house = await bundleHouse(t, [name, 'other']);
  const proof = await house.bundle(name);
  const html = readFileSync(join(proof, 'proof.html'), 'utf8');
  assert.ok(!/<img/.test(html) && !html.includes('\u202e'));
  assert.ok(html.includes('&lt;img src=x onerror=alert(1)&gt;\\u{202e}'));
  const hash = createHash('sha256').update(pageScript).digest('base64');
  assert.ok(html.includes(`content="default-src 'none'; script-src 'sha256-${hash}'; style-src 'sha256-`));
  assert.equal(html.split('<script').length - 1, 2);
  assert.ok(!/https?:/.test(html.replace(pageScript, '')));
});

void test('the name of an authority cannot add lines to the README, where its reader would run them', () => {
  const stamp = {
    authority: 'TSA\n    touch owned',
    walk: { kind: 'first', bits: 256, words: { time: '' } },
    position: 0,
    parsed: { genTime: 0 },
  };
  const view = { title: 'a', objects: [], records: [{ genTime: 0, provesUntil: 1, n: 1 }], stamps: [[stamp]], anchors: [], files: [] };
  const commands = bundleReadme(view as unknown as ProofView).split('\n');
  assert.deepEqual(
    commands.filter((line) => line.trim().startsWith('touch')),
    [],
  );
});

void test('a bundle says until when it proves and names the SHA-256 of every file; repeated it is the same, renewed it replaces', async (t) => {
  const house = await bundleHouse(t, ['letter.pdf', 'other']);
  const proof = await house.bundle('letter.pdf');
  const content = (): Record<string, string> =>
    Object.fromEntries(
      filesBelow(proof).map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(proof, name)))
          .digest('hex'),
      ]),
    );
  const first = content();
  const { records, files } = JSON.parse(readFileSync(join(proof, 'proof.json'), 'utf8')) as {
    readonly records: readonly { readonly provesUntil: string }[];
    readonly files: Readonly<Record<string, string>>;
  };
  for (const [name, sha256] of Object.entries(files)) assert.equal(first[name], sha256, name);
  assert.deepEqual(Object.keys(first).sort(), [...Object.keys(files), 'proof.json', 'README.txt', 'proof.html'].sort());
  const until = records[0]?.provesUntil.replace(/T(.*)\..*/, ' $1 UTC') ?? '';
  assert.ok(until !== '' && readFileSync(join(proof, 'README.txt'), 'utf8').includes(`Proves until   ${until}`));

  assert.deepEqual((await house.run('letter.pdf')).counts, { written: 0, renewed: 0, kept: 1, missing: 0 });
  assert.deepEqual(content(), first);
  await house.renewTimestamps();
  assert.equal((await house.run('letter.pdf')).counts.renewed, 1);
  assert.ok(existsSync(join(proof, 'timestamps/2.tst')));

  writeFileSync(join(proof, 'proof.json'), '{}');
  const { missing } = await house.run('letter.pdf');
  assert.equal(missing[0]?.error.code, 'SEAL-DOC-NAME');
  assert.equal(readFileSync(join(proof, 'proof.json'), 'utf8'), '{}');
});

void test('the zip holds what the folder holds, as other programs read it, and is the same each time', async (t) => {
  const house = await bundleHouse(t, ['letter.pdf', 'other']);
  const proof = await house.bundle('letter.pdf');
  const zip = await house.bundle('letter.pdf', true);
  const before = readFileSync(zip);
  assert.equal((await house.run('letter.pdf', true)).counts.kept, 1);
  assert.deepEqual(readFileSync(zip), before);
  const listed = execFileSync('python3', [
    '-c',
    'import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nz.extractall(sys.argv[2])',
    zip,
    join(house.directory, 'out'),
  ]);
  assert.equal(listed.length, 0);
  const out = join(house.directory, 'out');
  assert.deepEqual(filesBelow(out).sort(), filesBelow(proof).sort());
  for (const name of filesBelow(out)) assert.deepEqual(readFileSync(join(out, name)), readFileSync(join(proof, name)), name);
});

void test(
  'a document that nobody has any more: the bundle says so, and proves it all the same once it is there',
  needs('openssl', 'xxd'),
  async (t) => {
    const house = await bundleHouse(t, ['letter.pdf', 'other']);
    const hash = createHash('sha256')
      .update(readFileSync(join(house.directory, 'documents/letter.pdf')))
      .digest('hex');
    const { records } = await house.run(`SHA256:${hash}`);
    const proof = records[0]?.file ?? '';
    assert.ok(!existsSync(join(proof, 'document')));
    const readme = readFileSync(join(proof, 'README.txt'), 'utf8');
    const place = /^document\/(.*): the document, not included: put it there/m.exec(readme)?.[1] ?? '';
    execFileSync('mkdir', [join(proof, 'document')]);
    writeFileSync(join(proof, 'document', place), readFileSync(join(house.directory, 'documents/letter.pdf')));
    assert.equal(verified(await runReadme(proof)), 1);
  },
);

void test('two independent timestamps: both records are in the bundle, each with its way', needs('openssl', 'xxd'), async (t) => {
  const house = await bundleHouse(t, ['letter.pdf', 'other'], { timestamps: 2 });
  const proof = await house.bundle('letter.pdf');
  for (const name of ['evidence/record.ers', 'evidence/record-2.ers', 'timestamps/1.tst', 'timestamps/record-2-1.tst'])
    assert.ok(existsSync(join(proof, name)), name);
  assert.equal(verified(await runReadme(proof)), 1);
  const html = readFileSync(join(proof, 'proof.html'), 'utf8');
  assert.ok(html.includes('The way to timestamp 2 of 2') && html.includes('id="t-1-0"'));
});
