import { checkArchive as check, parsePosition, type CheckPosition, type CheckResult } from '../archive/check.ts';
import { asSealError, SealError } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import type { Effects } from '../ports/effects.ts';
import type { App, Call } from './context.ts';
import { readTrust, trustOf } from './trust.ts';

export interface ArchiveCheck extends CheckResult {
  readonly sound: boolean;
}

/** Where a check writes down how far it is, so that another one can go on. */
export interface CheckMemory {
  /** Undefined or empty: nothing was interrupted. */
  read(): Promise<string | undefined>;
  /** Empty when it has come to its end. */
  write(text: string): Promise<void>;
}

/** ms between two positions that are written down: what a kill costs. */
const rememberEvery = 5_000;
/** Bytes of a position: some hundred for each tree. */
const maxPosition = 256 * 2 ** 20;

/**
 * `archive check`: everything is read back, and computed again by foreign code.
 * @param resume goes on where an interrupted check stood; without one it begins at the first tree
 */
export async function checkArchive(
  app: App,
  { resume = false }: { readonly resume?: boolean },
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<ArchiveCheck> {
  return await runCheck(app, positionFile(app), resume, call);
}

/** @param memory of this kind of check; that of another one is not touched @throws the signal's reason, behind it the position is written down */
export async function runCheck(
  { fx, config }: Pick<App, 'fx' | 'config'>,
  memory: CheckMemory,
  resume: boolean,
  { progress, signal }: Pick<Call, 'progress' | 'signal'>,
): Promise<ArchiveCheck> {
  const trust = trustOf(await readTrust(fx, config.trust), config.trust);
  const from = resume ? parsePosition((await memory.read()) ?? '') : undefined;
  const notes = new Notes(fx, memory);
  try {
    const result = await check(fx, trust, {
      signal,
      ...(from === undefined ? {} : { from }),
      onProgress: (done, total, where) => {
        progress({ what: where.includes('.r') ? `renewal ${where}` : `tree ${where}`, done, total });
      },
      remember: (position) => notes.note(position),
    });
    await notes.end();
    return { ...result, sound: result.findings.every(({ severity }) => severity !== 'damage') };
  } catch (thrown) {
    await notes.write();
    if (signal.aborted)
      throw new SealError('SEAL-INTERRUPTED', 'the check was interrupted', {
        hint: '“sealtree archive check --resume” goes on where it stood',
      });
    throw thrown;
  }
}

/** Writes positions down, not each of them. A place that cannot be written costs the resumption, not the check. */
class Notes {
  readonly #fx: Pick<Effects, 'clock' | 'log'>;
  readonly #memory: CheckMemory;
  #position: (() => CheckPosition) | undefined;
  #writtenAt: number;

  constructor(fx: Pick<Effects, 'clock' | 'log'>, memory: CheckMemory) {
    this.#fx = fx;
    this.#memory = memory;
    this.#writtenAt = fx.clock.monotonic();
  }

  async note(position: () => CheckPosition): Promise<void> {
    this.#position = position;
    if (this.#fx.clock.monotonic() - this.#writtenAt >= rememberEvery) await this.write();
  }

  async write(): Promise<void> {
    const position = this.#position;
    if (position === undefined) return;
    this.#position = undefined;
    this.#writtenAt = this.#fx.clock.monotonic();
    await this.#put(JSON.stringify(position()));
  }

  async end(): Promise<void> {
    await this.#put('');
  }

  async #put(text: string): Promise<void> {
    try {
      await this.#memory.write(text);
    } catch (thrown) {
      this.#fx.log.warn({ error: asSealError(thrown).toJSON() }, 'how far the check is could not be written down');
    }
  }
}

/** Beside the database: a check reads that, and may run while the daemon writes to it. */
function positionFile({ fx: { files }, config }: App): CheckMemory {
  const file = joinPath(config.dataDir, 'archive-check.json');
  return {
    read: async () => ((await files.stat(file)) === undefined ? undefined : (await files.read(file, maxPosition)).toString('utf8')),
    write: async (text) => {
      if (text === '') await files.remove(file);
      else await files.writeDurable(file, Buffer.from(text), 0o600);
    },
  };
}
