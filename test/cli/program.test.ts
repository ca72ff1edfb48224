import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Command } from 'commander';
import { examples } from '../../src/cli/examples.ts';
import { createProgram } from '../../src/cli/program.ts';
import { exitOf, exitOfVerdicts } from '../../src/cli/exit.ts';
import { SealError } from '../../src/errors.ts';

/** The mistake in a command line: found before anything is done. */
async function mistake(...argv: string[]): Promise<SealError> {
  const program = createProgram(() => undefined);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    assert.ok(thrown instanceof SealError, String(thrown));
    return thrown;
  }
  throw new Error(`${argv.join(' ')} was taken`);
}

describe('a wrong command line is SEAL-USAGE, 64, and says how it is right', () => {
  const wrong: readonly (readonly [argv: string[], message: RegExp, hint: RegExp])[] = [
    [['stauts'], /^unknown command “stauts”$/, /^did you mean status\? “sealtree --help” shows how$/],
    [['archive', 'renew-all'], /^unknown command “renew-all”$/, /There are close, .*find.* “sealtree archive --help”/],
    [['status', '--prob'], /^unknown option “--prob”$/, /did you mean --probe\? “sealtree status --help”/],
    [['batch', 'show'], /missing required argument “id”/, /“sealtree batch show --help”/],
    [['sign', 'a.pdf', '--out', 'x'], /required option “--profile <name>” not specified/, /“sealtree sign --help”/],
    [['status', 'everything'], /too many arguments/, /“sealtree status --help”/],
    [['status', '--config'], /argument missing/, /--help/],
    [['batch', 'list', '--limit', 'many'], /whole number from 1 to/, /“sealtree batch list --help”/],
    [['batch', 'list', '--limit', '0'], /whole number from 1 to/, /--help/],
    [['audit', 'show', '--limit', '1e3'], /whole number/, /--help/],
    [['verify', 'a.pdf', '--report', 'pdf'], /Allowed choices are html, text, json/, /--help/],
    [['verify', '--digest', 'MD5:00'], /a digest is SHA256:HEX/i, /--help/],
    [['verify', 'a.pdf', '--at', 'yesterday'], /ISO 8601/, /--help/],
  ];
  for (const [argv, message, hint] of wrong)
    test(argv.join(' '), async () => {
      const error = await mistake(...argv);
      assert.equal(error.code, 'SEAL-USAGE');
      assert.equal(exitOf(error), 64);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
    });
});

const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves));

/** The words that call a command, without the program's name. */
function pathOf(command: Command): string[] {
  const path = [command.name()];
  for (let parent = command.parent; parent?.parent; parent = parent.parent) path.unshift(parent.name());
  return path;
}

test('the help of every command ends with an example, and the command takes it', () => {
  const commands = leaves(createProgram(() => undefined));
  assert.deepEqual(Object.keys(examples).sort(), commands.map((command) => pathOf(command).join(' ')).sort());
  for (const command of commands) {
    const path = pathOf(command).join(' ');
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    for (const line of examples[path] ?? []) {
      assert.ok(help.includes(`  ${line}\n`), `${path}: ${line}`);
      assert.ok(line.startsWith(`sealtree ${path}`), line);
      const words = line
        .replace(/ [<>].*$/, '')
        .split(' ')
        .slice(1 + pathOf(command).length);
      const { operands, unknown } = command.parseOptions(words);
      const { registeredArguments } = command;
      assert.deepEqual(unknown, [], line);
      assert.ok(operands.length >= registeredArguments.filter(({ required }) => required).length, line);
      assert.ok(registeredArguments.at(-1)?.variadic === true || operands.length <= registeredArguments.length, line);
    }
  }
});

test('options that all commands have are taken before and behind the name', () => {
  for (const command of leaves(createProgram(() => undefined))) {
    const path = pathOf(command);
    for (const argv of [
      ['--json', '-q', '--config', 'x.yaml', ...path],
      [...path, '--json', '-q', '--config', 'x.yaml'],
    ]) {
      const program = createProgram(() => undefined);
      const { unknown } = program.parseOptions(argv);
      assert.deepEqual([program.opts(), unknown], [{ json: true, quiet: true, config: 'x.yaml' }, []], argv.join(' '));
    }
  }
});

test('every command and option says what it is for', () => {
  const visit = (command: Command): void => {
    assert.notEqual(command.description(), '', command.name());
    for (const { flags, description } of command.options) assert.notEqual(description, '', `${command.name()} ${flags}`);
    command.commands.forEach(visit);
  };
  visit(createProgram(() => undefined));
});

test('of several files the worst counts: invalid, then unreadable, then undecidable', () => {
  const missing = new SealError('SEAL-INPUT-MISSING', 'gone');
  assert.equal(exitOfVerdicts(['TOTAL-PASSED', 'TOTAL-PASSED']), 0);
  assert.equal(exitOfVerdicts(['TOTAL-PASSED', 'INDETERMINATE']), 2);
  assert.equal(exitOfVerdicts(['INDETERMINATE', 'TOTAL-FAILED', 'TOTAL-PASSED']), 1);
  assert.equal(exitOfVerdicts(['INDETERMINATE', 'TOTAL-PASSED'], [missing]), 65);
  assert.equal(exitOfVerdicts(['INDETERMINATE', 'TOTAL-FAILED'], [missing]), 1);
});
