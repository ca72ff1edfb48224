import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument, type Document } from 'yaml';
import { runProgram, type ProgramOptions } from '../support/judges.ts';
import { Daemon } from './daemon.ts';

export const top: string = new URL('../../', import.meta.url).pathname;
export const documents: string = join(top, 'fixtures/documents');
export const sealtree: readonly string[] = ['--disable-warning=ExperimentalWarning', join(top, 'src/cli/main.ts')];

/** How a command ended. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Tree = 'incoming' | 'outgoing' | 'failed' | 'done';

/** A directory that `sealtree init` made, with the settings that tests need: short times. */
export class House {
  readonly directory: string;
  readonly #daemons: Daemon[] = [];

  constructor(directory: string) {
    this.directory = directory;
  }

  get config(): string {
    return join(this.directory, 'roots.yaml');
  }

  get trust(): string {
    return join(this.directory, 'trust.pem');
  }

  get crls(): string[] {
    const directory = join(this.directory, 'crls');
    return readdirSync(directory).map((name) => join(directory, name));
  }

  /** `roots/ROOT/TREE/PATH` */
  at(root: string, tree: Tree, path = ''): string {
    return join(this.directory, 'roots', root, tree, path);
  }

  /** Runs `sealtree ARGS --config …` to its end. */
  async run(...args: readonly string[]): Promise<Ran> {
    return await command([...args, '--config', this.config]);
  }

  /** The same with `--json`: its result. */
  async ask<T>(...args: readonly string[]): Promise<T & object> {
    const { stdout, stderr, status } = await this.run(...args, '--json');
    try {
      return JSON.parse(stdout) as T & object;
    } catch {
      throw new Error(`sealtree ${args.join(' ')} ended with ${status} and printed no JSON: ${stdout}${stderr}`);
    }
  }

  /** `sealtree run`, ready. @param cleanup ends it after the test at the latest */
  async daemon(cleanup: { after(end: () => Promise<void>): void }): Promise<Daemon> {
    const daemon = this.start();
    cleanup.after(() => daemon.kill());
    await daemon.ready();
    return daemon;
  }

  /** `sealtree run`, just started; whoever starts it ends it. */
  start(): Daemon {
    const daemon = new Daemon(this.directory, [...sealtree, 'run', '--config', this.config]);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Ends its daemons, then takes it away: what still runs would write into it meanwhile, as card processes do for a moment. */
  async remove(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.kill()));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  /** Edits the configuration as a careful person would: only what `change` names. @param file another one to write it to */
  edit(change: (settings: Document) => void, file = this.config): void {
    const settings = parseDocument(readFileSync(this.config, 'utf8'));
    change(settings);
    writeFileSync(file, settings.toString());
  }

  /** A text of the configuration. */
  setting(...path: readonly string[]): string {
    return String(parseDocument(readFileSync(this.config, 'utf8')).getIn(path));
  }

  /** Puts documents into a directory below incoming; contents, or names of documents in fixtures/. */
  place(root: string, path: string, files: Readonly<Record<string, string | Buffer>>, approval: string | false = ''): string {
    const directory = this.at(root, 'incoming', path);
    mkdirSync(directory, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      const fixture = typeof content === 'string' && existsSync(join(documents, content)) && content !== '';
      if (fixture) cpSync(join(documents, content), join(directory, name));
      else writeFileSync(join(directory, name), content);
    }
    if (approval !== false) writeFileSync(join(directory, 'APPROVED'), approval);
    return directory;
  }
}

/** Runs a command line of sealtree. */
export async function command(args: readonly string[], options: Pick<ProgramOptions, 'cwd' | 'input' | 'uid'> = {}): Promise<Ran> {
  const { status, stdout, stderr } = await runProgram(process.execPath, [...sealtree, ...args], {
    ...options,
    environment: { NO_COLOR: '1' },
  });
  return { status, stdout: stdout.toString(), stderr };
}

/** One evaluation setup for a test file; each test takes a copy. They share the port of the authority: one daemon at a time. */
export class Evaluation {
  readonly #directory = mkdtempSync(join(tmpdir(), 'sealtree-e2e-'));
  #copies = 0;

  /** @throws Error when init fails */
  async init(): Promise<void> {
    const { status, stderr } = await command(['init', join(this.#directory, 'template')]);
    if (status !== 0) throw new Error(`init ended with ${status}: ${stderr}`);
  }

  /** A copy that settles at once. */
  house(): House {
    const directory = join(this.#directory, `house-${++this.#copies}`);
    cpSync(join(this.#directory, 'template'), directory, { recursive: true });
    const house = new House(directory);
    house.edit((settings) => {
      for (const root of ['pdf', 'files']) {
        settings.setIn(['roots', root, 'settle'], '100ms');
        settings.setIn(['roots', root, 'sweep'], '500ms');
        settings.setIn(['roots', root, 'minFree'], '1MiB');
      }
    });
    return house;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A small PDF that differs from every other number's. */
export function numberedPdf(n: number): Buffer {
  const pdf = readFileSync(join(documents, 'ghostscript.pdf'), 'latin1');
  return Buffer.from(pdf.replace(/(?<=\/ID \[<)[0-9A-F]{8}/, n.toString(16).toUpperCase().padStart(8, '0')), 'latin1');
}

/** Waits until something holds that the daemon does by itself, and that stays: what lasts for a moment may pass between two looks. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 180): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  do {
    if (await holds()) return;
    await sleep(50);
  } while (performance.now() < end);
  throw new Error(`did not happen in ${seconds} s: ${what}`);
}
