import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { documents, Evaluation, top } from '../e2e/house.ts';
import { needs } from '../support/tools.ts';
import { examplesOf, runExamples } from './examples.ts';

/** Their blocks marked `console test` are run as they stand, one after the other, in a directory that `sealtree init` made; `console full` with bin/test --full. */
const pages = ['README.md', ...readdirSync(join(top, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))];

/** What the examples call their documents. */
const given: Readonly<Record<string, string>> = {
  'letter.pdf': 'libreoffice.pdf',
  'broken.pdf': 'broken.pdf',
  'mail.eml': 'mail.eml',
  'scan.tif': 'scan.tif',
};

describe('examples in the documents', { concurrency: true }, () => {
  const evaluations: Evaluation[] = [];
  const directories: string[] = [];
  let usual: Server | undefined;
  const empty = (): string => {
    const directory = mkdtempSync(join(tmpdir(), 'sealtree-examples-'));
    directories.push(directory);
    return directory;
  };
  /** One for each page: what one page does is not seen on another, and their authorities have ports of their own. */
  const house = async (): Promise<string> => {
    const evaluation = new Evaluation();
    evaluations.push(evaluation);
    await evaluation.init();
    return evaluation.house().directory;
  };
  before(async () => {
    usual = await holdUsualPort();
  });
  after(() => {
    usual?.close();
    for (const evaluation of evaluations) evaluation.remove();
    for (const directory of directories) rmSync(directory, { recursive: true });
  });

  for (const page of pages) {
    const examples = examplesOf(readFileSync(join(top, page), 'utf8'), process.env['SEALTREE_FULL'] === 'true');
    if (examples.length === 0) continue;
    const foreign = examples.some(({ command }) => /openssl|follow-record/.test(command)) ? (['openssl'] as const) : [];
    test(page, needs(...foreign), async () => {
      const directory = examples.some(({ command }) => command.startsWith('sealtree init ')) ? empty() : await house();
      for (const [name, fixture] of Object.entries(given)) copyFileSync(join(documents, fixture), join(directory, name));
      symlinkSync(join(top, 'docs'), join(directory, 'docs'));
      await runExamples(page, examples, directory);
    });
  }

  test('an example whose output is not what it says is found', async () => {
    const text = '```console test\n$ echo one; exit 3    # exit status 3\none\n$ echo two\nthree\n```\n';
    await assert.rejects(runExamples('page', examplesOf(text), empty()), /“three” expected, page:4/);
  });
});

/** `init` in an example must not choose the port that a daemon of another test may want meanwhile. */
async function holdUsualPort(): Promise<Server | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(3180, '127.0.0.1', () => {
      resolve(server);
    });
  });
}
