import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';

/** Something that the demo promises did not happen. */
export class DemoFailure extends Error {}

/** Something that the demo needs is not on this machine; nothing was done. */
export class DemoNeeds extends Error {}

export const top: string = new URL('..', import.meta.url).pathname;

interface Expected {
  readonly exits?: readonly number[];
  /** What the exit status means. */
  readonly because?: string;
  /** Lines of the output that would tire a newcomer. */
  readonly leaveOut?: RegExp;
}

/** Tells and runs the demo: each command is printed as a person would type it, then run for real. */
export class Story {
  readonly directory: string;
  #step = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  get config(): string {
    return join(this.directory, 'roots.yaml');
  }

  title(text: string): void {
    process.stdout.write(`\n${this.#style('bold', text)}\n`);
  }

  step(text: string): void {
    this.#step++;
    process.stdout.write(`\n${this.#style('cyan', `${this.#step}.`)} ${this.#style('bold', text)}\n`);
  }

  say(text: string): void {
    process.stdout.write(`   ${text}\n`);
  }

  show(lines: readonly string[]): void {
    for (const line of lines) this.say(line);
  }

  /** Runs a sealtree command as it is shown; another exit status than the expected ones ends the demo. */
  run(args: readonly string[], expected: Expected = {}): void {
    const typed = args.map((arg) => arg.replace(`${this.directory}/`, ''));
    process.stdout.write(`   ${this.#style('dim', '$')} sealtree ${typed.map(quoted).join(' ')}\n`);
    const { status, stdout, stderr } = this.#spawn(typed);
    const exits = expected.exits ?? [0];
    const held = status !== null && exits.includes(status);
    for (const line of `${stdout}${stderr}`.split('\n')) if (!held || told(line, expected.leaveOut)) this.#print(line);
    if (!held) throw new DemoFailure(`“sealtree ${typed.join(' ')}” ended with ${String(status)} instead of ${exits.join(' or ')}`);
    if (expected.because !== undefined) this.say(this.#style('dim', `exit status ${status}: ${expected.because}`));
  }

  /** Paths are short: what lies in the demo's directory is shown as from there. */
  #print(line: string): void {
    process.stdout.write(`     ${line.replaceAll(`${this.directory}/`, '')}\n`);
  }

  /** The result of a command as JSON. */
  ask(args: readonly string[]): unknown {
    const { status, stdout, stderr } = this.#spawn([...args, '--json', '--config', this.config]);
    if (status !== 0) throw new DemoFailure(`“sealtree ${args.join(' ')}” ended with ${String(status)}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Id of the batch that came from this path below incoming. */
  batchId(path: string): string {
    const batches = this.ask(['batch', 'list', '--limit', '1000']) as { id: string; path: string; root: string }[];
    const found = batches.find((batch) => `${batch.root}/${batch.path}` === path);
    if (found === undefined) throw new DemoFailure(`no batch came from ${path}`);
    return found.id;
  }

  #spawn(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    mkdirSync(this.directory, { recursive: true });
    return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(top, 'src/cli/main.ts'), ...args], {
      encoding: 'utf8',
      cwd: this.directory,
      maxBuffer: 2 ** 26,
    });
  }

  #style(style: 'bold' | 'dim' | 'cyan', text: string): string {
    return styleText(style, text, { stream: process.stdout });
  }
}

/** Not an empty line, not a line of the log, not the path of the configuration. */
function told(line: string, leaveOut: RegExp | undefined): boolean {
  return line !== '' && !/^(\{|configuration: )/.test(line) && leaveOut?.test(line) !== true;
}

/** An argument for a POSIX shell. */
export function quoted(argument: string): string {
  return /^[\w./+,:@%=-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** `1 document`, `2 documents` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
