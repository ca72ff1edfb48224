import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../support/judges.ts';
import { sealtree } from './house.ts';

/** One command of a script and what is expected of it. */
interface Step {
  readonly line: number;
  readonly command: string;
  readonly stdout: string[];
  readonly stderr: string[];
  exit: number;
}

/**
 * A script reads like a session at a terminal:
 *
 *     $ sealtree status        a command, run by sh
 *     | root files …           a line of standard output; others may stand before it; … stands for anything, not at all or a lot
 *     ! error SEAL-USAGE …     a line of standard error
 *     = 64                     exit status, when it is not 0
 *
 * All other lines are explanation.
 */
function parseScript(text: string): Step[] {
  const steps: Step[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const [mark, rest] = [whole.slice(0, 2), whole.slice(2)];
    if (mark === '$ ') steps.push({ line: index + 1, command: rest, stdout: [], stderr: [], exit: 0 });
    const step = steps.at(-1);
    if (mark === '| ') step?.stdout.push(rest);
    if (mark === '! ') step?.stderr.push(rest);
    if (mark === '= ' && step !== undefined) step.exit = Number(rest);
  }
  return steps;
}

/** Runs a script in a directory; `sealtree` is the program of this project. @throws AssertionError that names the line and shows the output */
export async function runScript(text: string, directory: string): Promise<void> {
  const environment = shellEnvironment(directory);
  for (const step of parseScript(text)) {
    const { status, stdout, stderr } = await runProgram('sh', ['-c', step.command], { cwd: directory, environment });
    const shown = `line ${step.line}: $ ${step.command}\n${stdout.toString()}${stderr}(exit ${status})`;
    assert.equal(status, step.exit, `exit ${step.exit} expected, ${shown}`);
    expectLines(step.stdout, stdout.toString(), shown);
    expectLines(step.stderr, stderr, shown);
  }
}

/** Lines that must come in this order, others may stand between; `…` stands for anything. @param shown for the message */
export function expectLines(expected: readonly string[], output: string, shown: string): void {
  const lines = output.split('\n');
  for (const line of expected) {
    const pattern = new RegExp(`^${line.split('…').map(escaped).join('.*')}$`);
    const at = lines.findIndex((candidate) => pattern.test(candidate));
    assert.notEqual(at, -1, `“${line}” expected, ${shown}`);
    lines.splice(0, at + 1);
  }
}

/** For a shell in which `sealtree` is the program of this project, without colours. It lies in the directory's `.bin`. */
export function shellEnvironment(directory: string): Record<string, string> {
  const bin = join(directory, '.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'sealtree'), `#!/bin/sh\nexec '${process.execPath}' ${sealtree.map((arg) => `'${arg}'`).join(' ')} "$@"\n`);
  chmodSync(join(bin, 'sealtree'), 0o755);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
