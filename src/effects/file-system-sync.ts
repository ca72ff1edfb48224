import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/*
 * One syncfs(2) for each path that comes in, through coreutils, as Node has no such call. A process of its own that lives on: starting one copies
 * the page tables of the whole daemon, which takes longer than the call itself.
 */
const script = 'while IFS= read -r path; do if sync -f -- "$path" 2>/dev/null; then echo 0; else echo 1; fi; done';

export interface SyncProgram {
  readonly command: string;
  readonly args: readonly string[];
}

const shell: SyncProgram = { command: '/bin/sh', args: ['-c', script] };

/**
 * Syncs one file system. Calls that come while it is busy share the next run: it begins after all of them, so whatever was written before a
 * call is covered by it.
 */
export class FileSystemSync {
  readonly #program: SyncProgram;
  #child: ChildProcess | undefined;
  #answer: ((line: string | undefined) => void) | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<boolean> | undefined;

  constructor(program: SyncProgram = shell) {
    this.#program = program;
  }

  /**
   * @param path on the file system; without a line feed
   * @returns whether everything on it is on disk; false when that is not known
   */
  sync(path: string): Promise<boolean> {
    this.#next ??= this.#afterRunning(path);
    return this.#next;
  }

  async #afterRunning(path: string): Promise<boolean> {
    await this.#running;
    const run = this.#ask(path);
    this.#running = run;
    this.#next = undefined;
    return await run;
  }

  /** Never rejects. */
  #ask(path: string): Promise<boolean> {
    return new Promise((resolve) => {
      const child = (this.#child ??= this.#start());
      this.#answer = (line) => {
        this.#answer = undefined;
        hold(child, false);
        resolve(line === '0');
      };
      hold(child, true);
      child.stdin?.write(`${path}\n`);
    });
  }

  #start(): ChildProcess {
    const child = spawn(this.#program.command, this.#program.args, { stdio: ['pipe', 'pipe', 'ignore'] });
    const ended = (): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#answer?.(undefined);
    };
    child.on('error', ended).on('exit', ended);
    child.stdin.on('error', ended);
    createInterface({ input: child.stdout }).on('line', (line) => this.#answer?.(line));
    return child;
  }
}

/** An idle process does not keep ours alive; it ends with us, when its input ends. */
function hold(child: ChildProcess, busy: boolean): void {
  // Pipes of a child process are sockets.
  for (const handle of [child, child.stdin, child.stdout] as readonly (Partial<Record<'ref' | 'unref', () => void>> | null)[]) {
    if (busy) handle?.ref?.();
    else handle?.unref?.();
  }
}
