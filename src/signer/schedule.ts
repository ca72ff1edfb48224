/** Which waiting batch gets which key next. Pure: the pool asks with what it sees and carries out the answer. */

/** A key that can sign now. */
export interface KeyLoad {
  readonly name: string;
  /** Documents it may take in now. */
  readonly room: number;
  /** Documents that were given to it and are not signed yet. */
  readonly busy: number;
  /** Most documents at once. */
  readonly chunk: number;
  /** Signatures at the same time. */
  readonly concurrency: number;
  /** ms for one signature, as seen lately; 0: not known yet. */
  readonly pace: number;
}

/** A batch that wants to sign. */
export interface Claim {
  readonly id: number;
  /** Place of its batch in the line: lower goes first. */
  readonly turn: number;
  readonly root: string;
  /** Higher first. */
  readonly priority: number;
  /** Keys it may use that can sign now. */
  readonly keys: readonly string[];
  /** Those of them to be used only where there is no other: they have just failed for these documents. */
  readonly avoid: readonly string[];
  /** Documents at hand. */
  readonly wanted: number;
}

export interface Grant {
  readonly claim: number;
  readonly key: string;
  readonly count: number;
}

/**
 * Priority first; then the root that had the least so far; then the batch whose turn it is. Each claim gets the key that will be done with it soonest, so a slow
 * card never holds what a fast one could take. A claim whose keys are full does not stand in the way of the others.
 * @param served documents each root has had, on a common scale
 * @returns grants in the order in which they were given, at most one a claim
 */
export function schedule(keys: readonly KeyLoad[], claims: readonly Claim[], served: ReadonlyMap<string, number>): Grant[] {
  const loads = new Map(keys.map((key) => [key.name, { ...key }]));
  const had = new Map(served);
  const grants: Grant[] = [];
  const open = [...claims];
  while (open.length > 0) {
    const next = open.reduce((best, claim) => (before(claim, best, had) ? claim : best));
    open.splice(open.indexOf(next), 1);
    const key = soonest(next, loads);
    if (key === undefined) continue;
    const count = Math.min(next.wanted, key.chunk, key.room);
    loads.set(key.name, { ...key, room: key.room - count, busy: key.busy + count });
    had.set(next.root, (had.get(next.root) ?? 0) + count);
    grants.push({ claim: next.id, key: key.name, count });
  }
  return grants;
}

function before(a: Claim, b: Claim, served: ReadonlyMap<string, number>): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  const difference = (served.get(a.root) ?? 0) - (served.get(b.root) ?? 0);
  if (difference !== 0) return difference < 0;
  return a.turn === b.turn ? a.id < b.id : a.turn < b.turn;
}

/** The key with room that would be done first; a chunk is not split for the last free places. */
function soonest(claim: Claim, loads: ReadonlyMap<string, KeyLoad>): KeyLoad | undefined {
  const others = claim.keys.filter((name) => !claim.avoid.includes(name));
  const candidates = (others.length > 0 ? others : claim.keys).flatMap((name) => loads.get(name) ?? []);
  const free = candidates.filter((key) => key.room > 0 && key.room >= Math.min(claim.wanted, key.chunk, key.busy));
  return free.reduce<KeyLoad | undefined>((best, key) => (best === undefined || finish(key, 1) < finish(best, 1) ? key : best), undefined);
}

/** ms until `count` more documents would be signed. A key whose pace is not known yet is tried before one that is busy. */
export function finish(key: Pick<KeyLoad, 'busy' | 'concurrency' | 'pace'>, count: number): number {
  return ((key.busy + count) / key.concurrency) * Math.max(key.pace, Number.EPSILON);
}

/** A chunk that is prepared for a key and waits for it. */
export interface Waiting {
  readonly claim: Pick<Claim, 'keys' | 'avoid'>;
  readonly key: string;
  /** Its documents; they are part of what its key has busy. */
  readonly count: number;
}

/**
 * Work-stealing: a waiting chunk that an idle key would have done sooner than its own key gets to it. Judged as `schedule` will judge when it deals the
 * chunk anew, its own key without it: otherwise it would come back to the same key, and go round for ever.
 * @param idle keys with nothing to do
 * @param waiting in the order in which they wait; the last has the longest way
 * @returns index into `waiting` and the name of the idle key, or undefined when everything is best where it is
 */
export function steal(
  idle: readonly KeyLoad[],
  waiting: readonly Waiting[],
  keys: ReadonlyMap<string, KeyLoad>,
): { readonly index: number; readonly to: string } | undefined {
  for (let index = waiting.length - 1; index >= 0; index--) {
    const chunk = waiting[index];
    const own = keys.get(chunk?.key ?? '');
    if (chunk === undefined || own === undefined) continue;
    const better = idle.find(
      (key) => key.room > 0 && mayGo(chunk, key.name) && finish(key, 1) < finish({ ...own, busy: own.busy - chunk.count }, 1),
    );
    if (better !== undefined) return { index, to: better.name };
  }
  return undefined;
}

function mayGo({ key, claim }: Waiting, to: string): boolean {
  return key !== to && claim.keys.includes(to) && !claim.avoid.includes(to);
}
