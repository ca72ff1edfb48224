import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

/** What these tests read of the oracle's answer. */
export interface OracleAnswer {
  readonly allPassed: boolean;
  readonly error?: string;
  readonly detachedTimestamps: readonly {
    readonly indication: string;
    readonly errors: readonly string[];
    readonly warnings: readonly string[];
  }[];
}

/** Runs EU DSS over several command lines in one JVM. @param home directory of the built oracle */
export async function oracle(home: string, commands: readonly (readonly string[])[]): Promise<OracleAnswer[]> {
  const child = spawn(`${home}/oracle`, ['--batch'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(commands.map((command) => command.join('\t') + '\n').join(''));
  const output = await text(child.stdout);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as OracleAnswer);
}
