import { planTimestampRenewal, type RenewalPlan } from '../archive/renew.ts';
import type { LateRenewal } from '../archive/renewing.ts';
import { SealError, type ErrorReport } from '../errors.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { RenewalKind, RenewalToken } from '../model/renewal.ts';
import { rehashArchive, type RehashView } from './archive-rehash.ts';
import type { Call } from './context.ts';
import type { Service } from './service.ts';
import { isoTime } from './views.ts';

export interface RenewArgs {
  readonly timestamps?: boolean;
  readonly rehash?: DigestAlgorithm;
  /** Absolute. */
  readonly documents?: readonly string[];
  readonly dryRun: boolean;
}

export interface RenewedView {
  readonly renewal: string;
  readonly kind: RenewalKind;
  readonly digest: DigestAlgorithm;
  /** Which of the independent records. */
  readonly record: number;
  /** Chains of timestamps, or objects. */
  readonly leaves: number;
  readonly state: 'planned' | 'sealed' | 'anchored';
  readonly tsa?: string;
  readonly genTime?: string;
  /** Why there is no timestamp yet. */
  readonly error?: ErrorReport;
}

export interface RenewResult {
  readonly dryRun: boolean;
  /** Of a hash-tree renewal. */
  readonly rehash?: RehashView;
  readonly renewals: readonly RenewedView[];
  /** Trees whose newest timestamp still waits for its revocation data: they come with the next renewal. */
  readonly waiting: readonly { readonly start: string; readonly record: number; readonly genTime: string }[];
}

/**
 * `archive renew --timestamps`, or `--rehash`. @throws SealError SEAL-USAGE when it is not said what to renew, and what `rehashArchive` throws
 */
export async function renewArchive(service: Service, args: RenewArgs, call: Call): Promise<RenewResult> {
  const { timestamps = false, rehash, documents = [], dryRun } = args;
  if (timestamps === (rehash !== undefined) || (documents.length > 0 && rehash === undefined))
    throw new SealError('SEAL-USAGE', 'what is to be renewed?', {
      hint: 'say --timestamps, or --rehash DIGEST with --documents DIR for each directory that holds documents or signatures',
    });
  if (rehash !== undefined) return await renewHashTrees(service, rehash, documents, dryRun, call);
  let done = 0;
  const onChain = (): void => {
    call.progress({ what: 'chains', done: ++done });
  };
  if (dryRun) return await planned(service, onChain);
  const { anchored, late, waiting } = await service.renewing.renewTimestamps(call.actor, onChain, call.signal);
  const made = await anchoredViews(service, anchored);
  return { dryRun: false, renewals: [...made, ...late.map(lateView)], waiting: waiting.map(waitingView) };
}

async function planned({ app }: Service, onChain: () => void): Promise<RenewResult> {
  const { groups, waiting } = await planTimestampRenewal(app.fx, onChain);
  const renewals = groups.map(({ n, digest, starts }): RenewedView => {
    return { renewal: 'not made', kind: 'timestamps', digest, record: n, leaves: starts.length, state: 'planned' };
  });
  return { dryRun: true, renewals, waiting: waiting.map(waitingView) };
}

async function renewHashTrees(
  service: Service,
  digest: DigestAlgorithm,
  documents: readonly string[],
  dryRun: boolean,
  call: Call,
): Promise<RenewResult> {
  const { fx } = service.app;
  const before = new Set((await fx.store.renewals({})).map(({ id }) => id));
  const rehash = await rehashArchive(service, digest, documents, dryRun, call);
  const made = (await fx.store.renewals({ kind: 'hash-tree' })).filter(({ id, state }) => !before.has(id) && state !== 'open');
  const tokens = await Promise.all(made.map(async ({ id }) => await fx.store.renewalToken(id)));
  const late = await service.renewing.late();
  const anchored = await anchoredViews(
    service,
    tokens.filter((token) => token !== undefined),
  );
  return { dryRun, rehash, renewals: [...anchored, ...late.map(lateView)], waiting: [] };
}

async function anchoredViews({ app }: Service, tokens: readonly RenewalToken[]): Promise<RenewedView[]> {
  const views = await Promise.all(
    tokens.map(async ({ renewal: id, tsa, genTime }): Promise<RenewedView[]> => {
      const [renewal] = await app.fx.store.renewals({ id });
      if (renewal === undefined) return [];
      const { kind, digest, n, leaves } = renewal;
      return [{ renewal: id, kind, digest, record: n, leaves, state: 'anchored', tsa, genTime: isoTime(genTime) }];
    }),
  );
  return views.flat();
}

function lateView({ renewal: { id, kind, digest, n, leaves }, error }: LateRenewal): RenewedView {
  return { renewal: id, kind, digest, record: n, leaves, state: 'sealed', ...(error === undefined ? {} : { error }) };
}

function waitingView({ start, n, genTime }: RenewalPlan['waiting'][number]): RenewResult['waiting'][number] {
  return { start: 'tree' in start ? start.tree : start.renewal, record: n, genTime: isoTime(genTime) };
}
