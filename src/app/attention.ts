import { dueSentence } from './archive-due.ts';
import { checkSentence } from './check-watch.ts';
import { certificateEnds, describeEnd } from './certificate-ends.ts';
import { exhaustion, type Queue } from './key-forecast.ts';
import { isIdle } from './keys.ts';
import type { StatusReport } from './status-report.ts';

type Parts = Pick<StatusReport, 'keys' | 'blocked' | 'failed' | 'archive' | 'tsas' | 'roots' | 'probe' | 'notify'>;

/** A sealed tree without timestamp is worth a word after this, ms. */
const lateAfter = 60_000;
/** Percent of a quota. */
const quotaSteps = [100, 90, 80];

/**
 * What a person should know or do, one sentence each, the most urgent first. Pure.
 * @param queues documents that are not signed yet @param now UTC ms
 */
export function attention(
  { keys, blocked, failed, archive, tsas, roots, notify, probe = [] }: Parts,
  queues: readonly Queue[],
  now: number,
): string[] {
  return [
    ...keys
      .filter((key) => key.state !== 'ready' && key.state !== 'closed' && !isIdle(key))
      .map((key) => `key ${key.name}: ${key.reason ?? key.state}`),
    ...certificateEnds({ keys, tsas }, now).map(describeEnd),
    ...blocked.map(waits),
    ...probe.flatMap(({ name, error }) => (error === undefined ? [] : [`tsa ${name}: ${error.message}${remedy(error.hint)}`])),
    ...failures(failed),
    ...exhaustion(keys, queues),
    ...lateTrees({ archive }, now).map(({ id }) => `tree ${id} has no timestamp yet`),
    ...checkSentence(archive.checked),
    ...archive.due.flatMap(dueSentence),
    ...tsas.flatMap(quotaUse),
    ...notify.map(undelivered),
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

/** What to do, behind the sentence that says what is wrong. */
export function remedy(hint: string | undefined): string {
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

function undelivered({ channel, since, waiting, error }: StatusReport['notify'][number]): string {
  const tried = waiting === 0 ? '' : `, ${waiting === 1 ? '1 message is' : `${waiting} messages are`} tried again`;
  return `notify ${channel}: nothing has arrived since ${since}${tried}: ${error.message}${remedy(error.hint)}`;
}

function quotaUse({ name, used, quota }: StatusReport['tsas'][number]): string[] {
  if (quota === undefined) return [];
  const step = quotaSteps.find((percent) => used * 100 >= quota * percent);
  return step === undefined ? [] : [`tsa ${name}: ${step} % of its quota is used (${used} of ${quota})`];
}
