import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runProgram } from './judges.ts';
import { oracleHome } from './tools.ts';

/**
 * BouncyCastle's validatePresent and validate, one pair of answers a command: `OK`, or what it says.
 * @param commands a record's file and those of its objects, several being one group
 */
export async function bouncyCastle(commands: readonly (readonly string[])[]): Promise<string[][]> {
  const program = new URL('../oracle/BcEvidence.java', import.meta.url).pathname;
  const input = commands.map((command) => `${command.join('\t')}\n`).join('');
  const { stdout } = await runProgram('java', ['-cp', join(oracleHome, 'target/lib/*'), program], { input });
  const lines = stdout.toString().trim().split('\n');
  assert.equal(lines.length, commands.length, 'one answer a line');
  return lines.map((line) => line.split('\t'));
}
