import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { command, Evaluation, type House, type Ran } from './house.ts';

interface Called {
  /** Words with a value for everything that is demanded. */
  readonly words: readonly string[];
  readonly demanding: boolean;
}

/** Every command there is, as a program would call it that knows nothing: a new command is in here by itself. */
function everyCommand(parent: Command = createProgram(() => undefined), path: readonly string[] = []): Called[] {
  return parent.commands.flatMap((child) => {
    const words = [...path, child.name()];
    if (child.commands.length > 0) return everyCommand(child, words);
    const operands = child.registeredArguments.filter(({ required }) => required).map(() => 'x');
    const options = child.options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long ?? '', 'x']);
    return [{ words: [...words, ...operands, ...options], demanding: operands.length + options.length > 0 }];
  });
}

const evaluation = new Evaluation();
let house: House;
before(async () => {
  await evaluation.init();
  house = evaluation.house();
});
after(() => {
  evaluation.remove();
});

function oneValue({ stdout, stderr, status }: Ran, called: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return assert.fail(`${called} ended with ${status} and printed no JSON value: ${stdout}${stderr}`);
  }
}

describe('with --json an error is the one JSON value on standard output', { concurrency: 2 }, () => {
  for (const { words } of everyCommand().filter(({ words: [first] }) => first !== 'init')) {
    const called = words.join(' ');
    test(called, async () => {
      const ran = await command([...words, '--json', '--quiet', '--config', 'no/such/roots.yaml'], {
        cwd: house.directory,
        input: 'x',
      });
      const { error } = oneValue(ran, called) as { error: { code: string; message: string; hint: string } };
      assert.ok(ran.status >= 64, `${ran.status}`);
      assert.match(error.code, /^SEAL-(CONFIG-MISSING|INPUT-MISSING|USAGE)$/);
      assert.ok(error.message !== '' && error.hint !== '');
      assert.ok(ran.stderr.startsWith(`error ${error.code}: `), ran.stderr);
    });
  }
});

describe('with --json the result is the one JSON value on standard output', () => {
  for (const { words, demanding } of everyCommand()) {
    // One stays until it is stopped, one wants files, two must be told what.
    if (demanding || ['tsa', 'verify', 'archive renew', 'archive find'].includes(words.join(' '))) continue;
    const called = [...words, ...(words[0] === 'run' ? ['--once'] : [])];
    test(called.join(' '), async () => {
      const ran = await command([...called, '--json', '--quiet'], { cwd: house.directory });
      const value = oneValue(ran, called.join(' '));
      assert.ok(typeof value === 'object' && value !== null);
      assert.equal(ran.status, 0, ran.stderr);
    });
  }
});
