import type { NotifyEvent } from '../../model/notify.ts';
import { lateTrees } from '../attention.ts';
import { dueMessage } from '../archive-due.ts';
import { certificateEnds, describeEnd, stageOf } from '../certificate-ends.ts';
import { isIdle, type KeyView } from '../keys.ts';
import type { StatusReport } from '../status-report.ts';

/** Something that people should be told of, as long as it lasts. */
export interface Condition {
  readonly event: NotifyEvent;
  /** Key, root, tree, disk: of one event each is told of by itself. */
  readonly subject: string;
  /** Changes when it is worth another word although it has lasted. */
  readonly mark: string;
  readonly message: string;
  readonly hint?: string;
}

type Parts = Pick<StatusReport, 'keys' | 'tsas' | 'failed' | 'archive' | 'disks' | 'roots'>;

const minute = 60_000;
/** ms before the end of an activation. */
const endingWithin = 60 * minute;
/** ms that a tree may wait for its timestamp. */
const lateAfter = 15 * minute;
/** Days until a disk is full. */
const fullWithin = 7;

/** What is to be told of now. Pure. @param now UTC ms */
export function conditions(report: Parts, now: number): Condition[] {
  return [
    ...report.keys.flatMap((key) => ofKey(key, now)),
    ...certificateEnds(report, now).map((end) => ({
      event: 'certificateEnding' as const,
      subject: end.owner,
      mark: `${end.serialNumber}:${end.stage}`,
      message: describeEnd(end),
      hint: end.owner.startsWith('key')
        ? 'get a new one with “sealtree key csr”; it takes over by itself'
        : 'ask the authority for its plans',
    })),
    ...ofBatches(report.failed),
    ...lateTrees(report, now - lateAfter).map(({ id, since }) => ({
      event: 'treeNotAnchored' as const,
      subject: id,
      mark: '',
      message: `tree ${id} has waited for its timestamp since ${since}`,
      hint: 'look at the timestamp authorities: “sealtree status --probe”',
    })),
    ...ofDisks(report),
    ...ofRenewals(report.archive, now),
  ];
}

const events: Partial<Record<KeyView['state'], NotifyEvent>> = {
  'pin-needed': 'pinNeeded',
  'pin-locked': 'pinNeeded',
  absent: 'cardMissing',
  failing: 'cardFailing',
  resting: 'cardFailing',
  unusable: 'cardFailing',
};

function ofKey(key: KeyView, now: number): Condition[] {
  const { name, state, reason, error, activation, forecast } = key;
  if (isIdle(key)) return [];
  const event = error?.code === 'SEAL-KEY-CERTIFICATE' && state === 'unusable' ? 'certificateEnding' : events[state];
  if (event !== undefined) {
    const hint = error?.hint === undefined ? {} : { hint: error.hint };
    return [{ event, subject: `key ${name} ${state}`, mark: error?.code ?? '', message: `key ${name}: ${reason ?? state}`, ...hint }];
  }
  const ends = [activation?.until, forecast?.usedUpAt].flatMap((time) => (time === undefined ? [] : [time])).sort();
  const [first] = ends;
  if (state !== 'ready' || first === undefined || Date.parse(first) - now > endingWithin) return [];
  return [
    {
      event: 'activationEnding',
      subject: `key ${name}`,
      mark: activation?.since ?? '',
      message: `key ${name}: its activation ends about ${first}${waiting(forecast)}`,
      hint: `have the PIN at hand: “sealtree key activate ${name}”`,
    },
  ];
}

function waiting(forecast: KeyView['forecast']): string {
  return forecast === undefined || forecast.documentsWaiting === 0 ? '' : `; ${forecast.documentsWaiting} documents wait for it`;
}

/** Of each root the newest. */
function ofBatches(failed: StatusReport['failed']): Condition[] {
  const newest = new Map<string, { readonly batch: StatusReport['failed'][number]; readonly count: number }>();
  for (const batch of failed) {
    const known = newest.get(batch.root);
    newest.set(batch.root, { batch: known?.batch ?? batch, count: (known?.count ?? 0) + 1 });
  }
  return [...newest].map(([root, { batch, count }]) => ({
    event: 'batchFailed',
    subject: `root ${root}`,
    mark: batch.batch,
    message: `root ${root}: batch ${batch.batch} (${batch.path}) failed${batch.message === undefined ? '' : `: ${batch.message}`}${count > 1 ? `; ${count - 1} more` : ''}`,
    hint: 'mend it, then “sealtree batch retry ID”',
  }));
}

/** Of each kind what ends first; said again at the stages of a certificate's end. */
function ofRenewals({ due }: Parts['archive'], now: number): Condition[] {
  return Object.values(Object.groupBy(due, ({ kind, digest, record }) => `${kind} ${digest} ${record}`)).flatMap((group = []) => {
    const [first, ...more] = group;
    if (first === undefined) return [];
    return [
      {
        event: 'renewalDue' as const,
        subject: first.kind === 'timestamps' ? `timestamps ${first.digest} ${first.record}` : `hash trees ${first.digest} ${first.record}`,
        mark: `${first.ends} ${stageOf(Date.parse(first.ends) - now) ?? ''}`,
        message: `${dueMessage(first)}${more.length === 0 ? '' : `; ${more.length} more`}`,
        hint: `“${first.command}”`,
      },
    ];
  });
}

function ofDisks({ disks, roots }: Parts): Condition[] {
  const paused = roots.flatMap(({ name, paused }) =>
    paused === undefined ? [] : [{ subject: `root ${name}`, message: `root ${name} is paused: ${paused}` }],
  );
  const filling = disks.flatMap(({ path, fullInDays }) =>
    fullInDays === undefined || fullInDays > fullWithin ? [] : [{ subject: path, message: `${path} is full in ${fullInDays} days` }],
  );
  return [...paused, ...filling].map((one) => ({
    event: 'diskNearlyFull',
    mark: '',
    ...one,
    hint: 'make room, or shorten “retention” of the roots',
  }));
}
