import assert from 'node:assert/strict';
import { expectLines, shellEnvironment } from '../e2e/script.ts';
import { runProgram } from '../support/judges.ts';

/** A command of a document and what the document says it prints. */
export interface Example {
  readonly line: number;
  readonly command: string;
  /** Lines that must come in this order, others may stand between; `…` stands for anything. */
  readonly output: readonly string[];
  readonly exit: number;
}

/**
 * The commands in all blocks marked `console test`: `$ command`, its output below; `# exit status N` where it is not 0.
 * @param full also those marked `console full`
 */
export function examplesOf(markdown: string, full = false): Example[] {
  const examples: (Example & { readonly output: string[] })[] = [];
  let inside = false;
  for (const [index, text] of markdown.split('\n').entries()) {
    if (text.startsWith('```')) inside = text === '```console test' || (full && text === '```console full');
    else if (inside && text.startsWith('$ ')) {
      const command = text.slice(2);
      examples.push({ line: index + 1, command, output: [], exit: Number(/ # exit status (\d+)$/.exec(command)?.[1] ?? 0) });
    } else if (inside) examples.at(-1)?.output.push(text);
  }
  return examples;
}

/** Runs them in a directory; `sealtree` is the program of this project. @throws AssertionError that names page and line and shows the output */
export async function runExamples(page: string, examples: readonly Example[], directory: string): Promise<void> {
  const environment = shellEnvironment(directory);
  for (const { line, command, output, exit } of examples) {
    const { status, stdout, stderr } = await runProgram('bash', ['-c', command], { cwd: directory, environment });
    const printed = `${stdout.toString()}${stderr}`;
    const shown = `${page}:${line}: $ ${command}\n${printed}(exit ${status})`;
    assert.equal(status, exit, `exit ${exit} expected, ${shown}`);
    expectLines(output, printed, shown);
  }
}
