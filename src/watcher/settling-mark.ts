import { joinPath } from '../formats/names.ts';
import { spoolDirectory } from '../formats/places.ts';
import type { Config } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

/**
 * A note in the spool of a claimed batch that changed although it was out of the producer's reach (somebody holds a file open): since when it
 * has looked like this. A file, since a restart must not forget it; not synced, since then the batch is only looked at once more.
 */
export interface SettlingMark {
  readonly fingerprint: string;
  /** UTC ms */
  readonly since: number;
}

const limit = 1024;

function markPath(config: Pick<Config, 'dataDir'>, batch: string): Buffer {
  return joinPath(spoolDirectory(config.dataDir, batch), 'settling');
}

export async function readMark(
  { files }: Pick<Effects, 'files'>,
  config: Pick<Config, 'dataDir'>,
  batch: string,
): Promise<SettlingMark | undefined> {
  const path = markPath(config, batch);
  if ((await files.stat(path)) === undefined) return undefined;
  try {
    const { fingerprint, since } = JSON.parse((await files.read(path, limit)).toString('utf8')) as Partial<SettlingMark>;
    return typeof fingerprint === 'string' && typeof since === 'number' ? { fingerprint, since } : { fingerprint: '', since: 0 };
  } catch {
    // Half written when the process ended: it changed, nobody knows since when.
    return { fingerprint: '', since: 0 };
  }
}

export async function writeMark(
  { files }: Pick<Effects, 'files'>,
  config: Pick<Config, 'dataDir'>,
  batch: string,
  mark: SettlingMark,
): Promise<void> {
  await files.makeDirectory(spoolDirectory(config.dataDir, batch), 0o700);
  await files.writeDurable(markPath(config, batch), Buffer.from(JSON.stringify(mark)), 0o600);
}
