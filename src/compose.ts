import { check, type CheckOptions, type Finding } from './app/check/check.ts';
import type { App, Call } from './app/context.ts';
import { LiveConfig } from './app/live-config.ts';
import { isOperation, perform } from './app/operations.ts';
import type { OperationName } from './app/operation-types.ts';
import { demandUnowned } from './app/own-roots.ts';
import { runService, type RunOutcome } from './app/run.ts';
import { openService, type Service } from './app/service.ts';
import { readTrust, trustOf } from './app/trust.ts';
import { loadConfig } from './config/load.ts';
import { systemClock } from './effects/clock.ts';
import { askControl, serveControl } from './effects/control.ts';
import { demandDatabase, hasFile, openDataDirectory, temporaryDataDirectory } from './effects/data-directory.ts';
import { documentWorkers } from './effects/documents.ts';
import { nodeFiles } from './effects/files.ts';
import { httpServer } from './effects/http-server.ts';
import { httpClient } from './effects/http.ts';
import { smtpMail } from './effects/mail.ts';
import { createLog, type SystemLog } from './effects/log.ts';
import { watchLoopDelay } from './effects/loop-delay.ts';
import { systemRandom } from './effects/random.ts';
import { revocationSource } from './effects/revocation.ts';
import { removeLeftDoors } from './effects/secret-door.ts';
import { readSecret } from './effects/secrets.ts';
import { systemdNotifier } from './effects/systemd.ts';
import { treeWorker } from './effects/trees.ts';
import { watchThreads } from './effects/watching.ts';
import { asSealError, SealError } from './errors.ts';
import type { Config, KeyConfig } from './model/config.ts';
import type { ControlRequest, Progress } from './ports/control.ts';
import type { Effects } from './ports/effects.ts';
import type { KeyManagement } from './ports/key-management.ts';
import { inModule } from './ports/log.ts';
import { endForgottenCards, keyManagement, keySources } from './signer/keys/index.ts';
import { timestampAuthorities } from './signer/tsa/index.ts';
import { acquireLock } from './store/lock.ts';
import { openStore } from './store/sqlite.ts';
import { packageVersion } from './effects/version.ts';

export { packageVersion };

/** What was built, and how it is taken down again, last built first. */
interface Built {
  readonly app: App;
  readonly log: SystemLog;
  close(): Promise<void>;
}

type Mode = 'act' | 'read';

/** In the data directory. */
export const databaseName = 'sealtree.db';

/**
 * The effects of a configuration. `act` holds the lock of the data directory: one process works on it, the others ask that one. `read` changes
 * nothing and works beside it.
 * @param outlive activated cards stay for the next daemon when this one ends
 * @throws SealError SEAL-DAEMON-RUNNING, SEAL-STORE-*, SEAL-CONFIG-*
 */
async function build(config: Config, mode: Mode, logTo: 'configured' | 'warnings', outlive = false): Promise<Built> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const database = `${config.dataDir}/${databaseName}`;
    const files = nodeFiles();
    undo.push(async () => {
      await files.close();
    });
    if (mode === 'read') demandDatabase(config.dataDir, database);
    else {
      if (!hasFile(database)) await demandUnowned({ fx: { files }, config });
      openDataDirectory(config.dataDir);
      const lock = acquireLock(`${config.dataDir}/daemon.lock`);
      undo.push(() => {
        lock.release();
      });
    }
    const clock = systemClock;
    const log = createLog({ clock }, logTo === 'configured' ? config.log : { level: 'error', modules: {} });
    const store = await openStore(inModule({ clock, log }, 'store'), { file: database, readOnly: mode === 'read' });
    undo.push(async () => {
      await store.close();
    });
    const documents = documentWorkers(inModule({ clock, log }, 'verify'));
    undo.push(async () => {
      await documents.close();
    });
    const trees = treeWorker(`${config.dataDir}/tiles`);
    undo.push(async () => {
      await trees.close();
    });
    const watching = watchThreads();
    undo.push(async () => {
      await watching.close();
    });
    const http = httpClient();
    const random = systemRandom;
    const revocation = revocationSource(
      inModule({ clock, files, http, log }, 'http'),
      withEvaluation(config),
      `${config.dataDir}/revocation`,
    );
    const runDir = `${config.dataDir}/run`;
    if (mode === 'act') await removeLeftDoors(runDir);
    if (mode === 'act') await endForgottenCards(Object.values(config.keys), { clock, log, runDir });
    const keys = keySources(mode === 'act' ? Object.values(config.keys) : [], {
      ...inModule({ clock, files, log, store }, 'signer'),
      readSecret,
      runDir,
      outlive,
    });
    undo.push(async () => {
      await Promise.all(
        keys.map(async (key) => {
          await key.close();
        }),
      );
    });
    const trust = trustOf(await readTrust({ files }, config.trust), config.trust);
    const tsas = timestampAuthorities(
      { ...inModule({ clock, http, log, random, revocation }, 'signer'), readSecret },
      Object.values(config.tsas),
      trust,
    );
    const fx: Effects = { clock, documents, files, http, keys, log, mail: smtpMail(), random, revocation, store, trees, tsas, watching };
    const managed = { ...inModule({ clock, files, log, random }, 'signer'), readSecret, runDir: `${config.dataDir}/run` };
    const manageKey = (key: KeyConfig): KeyManagement => keyManagement(key, managed);
    return { app: { fx, config, readSecret, manageKey, version: packageVersion }, log, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Certificates of the evaluation authority point to loopback: its own address may be fetched. */
export function withEvaluation({ trust, evaluation }: Config): Config['trust'] {
  return evaluation === undefined ? trust : { ...trust, allowHosts: [...trust.allowHosts, `${evaluation.host}:${evaluation.port}`] };
}

/** A service in this process, for one command. */
export interface LocalService {
  readonly service: Service;
  perform(name: OperationName, args: unknown, call: Call): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens the data directory for one command while no daemon runs (`act`), or beside it (`read`). */
export async function openLocal(config: Config, mode: Mode): Promise<LocalService> {
  const built = await build(config, mode, 'warnings');
  let service: Service | undefined;
  try {
    service = await openService(built.app, mode, { httpServer: httpServer() });
  } catch (error) {
    await built.close();
    throw error;
  }
  const opened = service;
  return {
    service: opened,
    perform: async (name, args, call) => await perform(opened, name, args, call),
    close: async () => {
      await opened.close();
      await built.close();
    },
  };
}

/** Asks the running daemon; `running: false` when there is none. */
export async function callDaemon(
  config: Config,
  request: ControlRequest,
  secret: Buffer | undefined,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<{ readonly running: true; readonly result: unknown } | { readonly running: false }> {
  const answered = await askControl(config.dataDir, request, secret, onProgress, signal);
  return answered === undefined ? { running: false } : { running: true, result: answered.result };
}

/** The daemon: until a signal, or until approved batches are processed (`once`). */
export async function runDaemon(
  config: Config,
  path: string,
  options: { readonly once: boolean; readonly signal: AbortSignal },
): Promise<RunOutcome> {
  const live = new LiveConfig(config);
  const built = await build(live.config, 'act', 'configured', !options.once);
  try {
    const service = await openService(built.app, 'act', { httpServer: httpServer() });
    try {
      return await runService(service, {
        ...options,
        pid: process.pid,
        notifier: systemdNotifier(),
        httpServer: httpServer(),
        loopDelay: watchLoopDelay(),
        serveControl: async (handler) => await serveControl(config.dataDir, handler),
        reload: () => live.apply(loadConfig(path)),
        setLog: (log) => {
          built.log.setLevels(log);
          built.log.reopen();
        },
        onHangup: (call) => {
          process.on('SIGHUP', call);
          return () => process.off('SIGHUP', call);
        },
        isOperation,
      });
    } finally {
      await service.close();
    }
  } finally {
    await built.close();
  }
}

/**
 * `check`: through the daemon where one runs, since it holds keys and cards. Without one what can be opened is opened here: a data directory that
 * has no database yet is not touched, and what cannot be opened is a finding.
 */
export async function checkInstallation(config: Config, options: CheckOptions): Promise<Finding[]> {
  const { sign, notify = false, actor, progress, signal } = options;
  const request = { operation: 'check', args: { sign, notify, file: config }, actor };
  const answered = await callDaemon(config, request, undefined, progress, signal);
  if (answered.running) return answered.result as Finding[];
  const database = hasFile(`${config.dataDir}/${databaseName}`);
  const trial = database ? undefined : temporaryDataDirectory();
  const files = nodeFiles();
  const opened = await openLocal(trial === undefined ? config : { ...config, dataDir: trial.path }, 'act').catch((thrown: unknown) =>
    asSealError(thrown),
  );
  const service = opened instanceof SealError ? opened : opened.service;
  try {
    return await check({ fx: { clock: systemClock, files, random: systemRandom }, config, database, service }, options);
  } finally {
    if (!(opened instanceof SealError)) await opened.close();
    await files.close();
    trial?.remove();
  }
}

export { readCommandFile, writeCommandFile } from './effects/command-files.ts';
export { readPin } from './effects/pin.ts';

export { keepAlive } from './effects/alive.ts';
