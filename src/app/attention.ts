import type { Batch } from '../model/batch.ts';
import type { KeyView } from './keys.ts';
import type { StatusReport } from './status-report.ts';

type Parts = Pick<StatusReport, 'keys' | 'blocked' | 'failed' | 'archive' | 'tsas' | 'roots' | 'probe'>;

/** A sealed tree without timestamp is worth a word after this, ms. */
const lateAfter = 60_000;
/** Days before the end of a certificate. */
const renewWithin = 30;
/** Percent of a quota. */
const quotaSteps = [100, 90, 80];

/**
 * What a person should know or do, one sentence each, the most urgent first. Pure.
 * @param unfinished batches that have not ended @param now UTC ms
 */
export function attention(
  { keys, blocked, failed, archive, tsas, roots, probe = [] }: Parts,
  unfinished: readonly Batch[],
  now: number,
): string[] {
  return [
    ...keys.filter(({ state }) => state !== 'ready' && state !== 'closed').map((key) => `key ${key.name}: ${key.reason ?? key.state}`),
    ...keys.flatMap(endOfCertificate),
    ...blocked.map(waits),
    ...probe.flatMap(({ name, error }) => (error === undefined ? [] : [`tsa ${name}: ${error.message}${remedy(error.hint)}`])),
    ...failures(failed),
    ...exhaustion(keys, unfinished),
    ...lateTrees({ archive }, now).map(({ id }) => `tree ${id} has no timestamp yet`),
    ...tsas.flatMap(quotaUse),
    ...roots.flatMap((root) => [
      ...(root.paused === undefined ? [] : [`root ${root.name} is paused: ${root.paused}`]),
      ...root.nearMisses,
      ...root.warnings,
    ]),
  ];
}

function waits({ batches, message, hint }: StatusReport['blocked'][number]): string {
  const [first = '', ...more] = batches;
  return `${more.length === 0 ? `batch ${first} waits` : `${batches.length} batches wait`}: ${message}${remedy(hint)}`;
}

function remedy(hint: string | undefined): string {
  return hint === undefined ? '' : ` (${hint})`;
}

function failures(failed: StatusReport['failed']): string[] {
  if (failed.length === 0) return [];
  return [
    `${failed.length === 1 ? 'a batch' : `${failed.length} batches`} failed: mend what the lines above say, then “sealtree batch retry ID”`,
  ];
}

/** Sealed trees whose timestamp should be there by now. */
export function lateTrees({ archive }: Pick<StatusReport, 'archive'>, now: number): StatusReport['archive']['sealed'] {
  return archive.sealed.filter(({ since }) => now - Date.parse(since) > lateAfter);
}

function endOfCertificate({ name, certificate }: KeyView): string[] {
  if (certificate === undefined || certificate.daysLeft >= renewWithin) return [];
  return [
    certificate.daysLeft < 0
      ? `key ${name}: its certificate has ended`
      : `key ${name}: its certificate ends in ${certificate.daysLeft} days`,
  ];
}

/** Documents that wait for keys whose activations do not allow that many signatures. */
function exhaustion(keys: readonly KeyView[], unfinished: readonly Batch[]): string[] {
  const queues = new Map<string, number>();
  for (const { keys: names, state, documents, failed } of unfinished) {
    if (state !== 'admitted' && state !== 'spooled') continue;
    const group = [...names].sort().join(', ');
    queues.set(group, (queues.get(group) ?? 0) + documents - failed);
  }
  return [...queues].flatMap(([group, documents]) => {
    const lefts = group.split(', ').map((name) => keys.find((key) => key.name === name && key.state === 'ready'));
    const usable = lefts.filter((key) => key !== undefined);
    if (usable.length === 0 || usable.some(({ signaturesLeft }) => signaturesLeft === undefined)) return [];
    const left = usable.reduce((sum, { signaturesLeft = 0 }) => sum + signaturesLeft, 0);
    return left >= documents ? [] : [`${group}: ${left} signatures left for ${documents} documents that wait; have the PIN at hand`];
  });
}

function quotaUse({ name, used, quota }: StatusReport['tsas'][number]): string[] {
  if (quota === undefined) return [];
  const step = quotaSteps.find((percent) => used * 100 >= quota * percent);
  return step === undefined ? [] : [`tsa ${name}: ${step} % of its quota is used (${used} of ${quota})`];
}
