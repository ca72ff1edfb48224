import { Closing } from '../archive/closing.ts';
import { Renewing } from '../archive/renewing.ts';
import { Runner } from '../batch/runner.ts';
import { buildStages } from '../batch/stages.ts';
import type { SealError } from '../errors.ts';
import type { HttpServer } from '../ports/http-server.ts';
import { inModule } from '../ports/log.ts';
import type { Trust } from '../pki/trust.ts';
import { poolRules, SigningPool } from '../signer/sign.ts';
import { ReleaseVerifier } from '../verify/release.ts';
import { dueNow } from './archive-due.ts';
import type { App } from './context.ts';
import { openEvaluation, type Evaluation } from './evaluation.ts';
import { KeyAudit } from './key-audit.ts';
import { lookOnce } from './root-status.ts';
import type { LiveStatus } from './status.ts';
import { readTrust, trustOf, type TrustFiles } from './trust.ts';

/** Batches of one root under way at the same time, waiting ones included. */
const perRoot = 32;
/** Batches that read and write many bytes at the same time; most of it they wait for the disk, and those that wait together share one sync. */
const copying = 8;

/** Everything the use cases work with: the effects, and the machinery that lives as long as the process. */
export interface Service {
  readonly app: App;
  readonly pool: SigningPool;
  readonly keyAudit: KeyAudit;
  readonly release: ReleaseVerifier;
  readonly runner: Runner;
  readonly closing: Closing;
  readonly renewing: Renewing;
  readonly trust: () => Promise<Trust>;
  /** What the daemon knows beyond the database; the daemon replaces it. */
  live: () => Promise<LiveStatus>;
  /** Why the evaluation authority does not answer; commands that need no timestamp work all the same. */
  readonly evaluationProblem: SealError | undefined;
  /** This process stays (the daemon): what a command begins goes on in it. */
  resident: boolean;
  close(): Promise<void>;
}

/**
 * Puts the machinery together. `act` opens the keys and serves the evaluation authority, `read` does neither. Nothing runs by itself until
 * app/run.ts, or a use case, makes it.
 */
export async function openService(given: App, mode: 'act' | 'read', { httpServer }: { readonly httpServer: HttpServer }): Promise<Service> {
  const { config } = given;
  const files = await readTrust(given.fx, config.trust);
  const evaluation: Evaluation = mode === 'act' ? await openEvaluation(given, httpServer) : { tsas: given.fx.tsas };
  const app = { ...given, fx: { ...given.fx, tsas: evaluation.tsas } };
  const { fx } = app;
  if (mode === 'act')
    await Promise.all(
      fx.keys.map(async (key) => {
        await key.open();
      }),
    );
  const keyAudit = new KeyAudit(inModule(fx, 'signer'), config);
  if (mode === 'act') keyAudit.start();
  const pool = new SigningPool(inModule(fx, 'signer'), poolRules(config));
  const release = releaseVerifier(app, files);
  const runner = new Runner(fx, buildStages({ fx: inModule(fx, 'batch'), config, pool, release, readSecret: app.readSecret }), {
    perRoot,
    copying,
    maxWait: (root) => config.roots[root]?.maxWait,
    dropParts: config.archive.keep === 'none',
  });
  const closingSettings = {
    archive: config.archive,
    tsas: config.archive.tsas.flatMap((name) => config.tsas[name] ?? []),
    trust: trustOf(files, config.trust),
  };
  const closing = new Closing(fx, closingSettings);
  pool.onChange(() => {
    runner.poke();
  });
  return {
    app,
    pool,
    keyAudit,
    release,
    runner,
    closing,
    renewing: new Renewing(fx, closingSettings, closing.inTurn),
    trust: async () => trustOf(await readTrust(fx, config.trust), config.trust),
    live: async () => ({ roots: await lookOnce(app), due: await dueNow(fx, trustOf(files, config.trust), config) }),
    evaluationProblem: evaluation.problem,
    resident: false,
    close: async () => {
      await runner.stop();
      pool.close();
      await keyAudit.stop();
      await evaluation.served?.close();
    },
  };
}

function releaseVerifier({ fx, config }: App, files: TrustFiles): ReleaseVerifier {
  const { trust, archive } = config;
  return new ReleaseVerifier(inModule(fx, 'verify'), {
    ...files,
    revocationMode: trust.revocation,
    maxAge: trust.maxAge,
    algorithms: trust.algorithms ?? [],
    archiveDigest: archive.digest,
  });
}
