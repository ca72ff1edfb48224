import { resolve } from 'node:path';
import { initialize as initializeDirectory, type InitResult } from '../app/init.ts';
import { serveEvaluationAuthority as serveAuthority } from '../app/tsa.ts';
import { databaseName } from '../compose.ts';
import { systemClock } from '../effects/clock.ts';
import { openDataDirectory } from '../effects/data-directory.ts';
import { nodeFiles } from '../effects/files.ts';
import { httpServer } from '../effects/http-server.ts';
import { createLog } from '../effects/log.ts';
import { systemRandom } from '../effects/random.ts';
import { programName } from '../effects/version.ts';
import { SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';
import { openStore } from '../store/sqlite.ts';

/** `init` */
export async function initialize(directory: string): Promise<InitResult> {
  const files = nodeFiles();
  const clock = systemClock;
  try {
    const log = createLog({ clock }, { level: 'error', modules: {} });
    return await initializeDirectory(
      { clock, files, log, random: systemRandom, httpServer: httpServer() },
      {
        directory: resolve(directory),
        shownAs: directory,
        program: programName,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        createDatabase: async (dataDir) => {
          openDataDirectory(dataDir);
          const database = `${dataDir}/${databaseName}`;
          await (await openStore({ clock }, { file: database })).close();
          return database;
        },
      },
    );
  } finally {
    await files.close();
  }
}

/** `tsa`: the evaluation authority alone, until the signal. */
export async function serveEvaluationAuthority(
  config: Config,
  signal: AbortSignal,
  onReady: (addresses: Readonly<Record<string, string>>) => void,
): Promise<void> {
  if (config.evaluation === undefined)
    throw new SealError('SEAL-CONFIG-MISSING', 'the configuration has no section “evaluation”', {
      where: config.path,
      hint: 'create one with “sealtree init”',
    });
  const files = nodeFiles();
  const clock = systemClock;
  const log = createLog({ clock }, config.log);
  try {
    const served = await serveAuthority({ clock, files, log, random: systemRandom, httpServer: httpServer() }, config.evaluation);
    onReady(served.addresses);
    await new Promise<void>((end) => {
      if (signal.aborted) end();
      else
        signal.addEventListener('abort', () => {
          end();
        });
    });
    await served.close();
  } finally {
    await files.close();
  }
}
