import { connectCard } from './connect.ts';
import { isOwn, listensOn, lives, runsOurProgram } from './peer.ts';
import { CardProcess } from './process.ts';
import { isOwnSocket, protocol, readRecord, recordIds, removeRecord, removeSocket } from './records.ts';
import type { Effects } from '../../../ports/effects.ts';
import type { CardRecord } from './records.ts';

type AdoptEffects = Pick<Effects, 'clock' | 'log'>;

/** Where a card process is looked for, and what it must have been started with. */
export interface CardPlace {
  /** For log and messages. */
  readonly name: string;
  readonly directory: string;
  readonly id: string;
  /** Fingerprint of module, environment, token, sessions, activation. */
  readonly configuration: string;
}

const adoptMs = 5_000;
/** ms a card process has to close its sessions. */
export const endMs = 4_000;

/**
 * Takes over the card process that an earlier daemon left, after both have proven themselves. One that does not fit any more (another version,
 * another configuration, another Node) is ended in order; one that cannot be believed is never spoken to.
 * @param keepAlive ms, from now on; undefined: as it was
 * @returns undefined when there is none
 */
export async function adopt(place: CardPlace, fx: AdoptEffects, keepAlive: number | undefined): Promise<CardProcess | undefined> {
  const record = readRecord(place.directory, place.id);
  if (record === undefined) return undefined;
  const process = await reach(place, fx, record);
  if (process === undefined) return undefined;
  const unfit = unfitness(record, place);
  if (unfit === undefined) {
    process.inherited = await process.call('adopt', keepAlive === undefined ? {} : { keepAlive }, adoptMs);
    const active = process.inherited.activation !== undefined;
    fx.log.info({ key: place.name, pid: record.pid, active }, 'card process of an earlier daemon is adopted');
    return process;
  }
  await process.end(endMs);
  fx.log.warn({ key: place.name, pid: record.pid, why: unfit }, 'card process of an earlier daemon was ended; its card needs its PIN');
  return undefined;
}

/** Ends card processes whose tokens are not configured any more. @param known ids that are @returns how many were ended */
export async function endStrays(fx: AdoptEffects, directory: string, known: ReadonlySet<string>): Promise<number> {
  let ended = 0;
  for (const id of recordIds(directory).filter((each) => !known.has(each))) {
    const record = readRecord(directory, id);
    if (record === undefined) continue;
    const process = await reach({ name: id, directory, id, configuration: '' }, fx, record);
    if (process === undefined) continue;
    await process.end(endMs);
    ended++;
  }
  if (ended > 0) fx.log.warn({ processes: ended }, 'card processes whose keys are not configured any more were ended');
  return ended;
}

function unfitness(record: CardRecord, { configuration }: CardPlace): string | undefined {
  if (record.protocol !== protocol) return 'it belongs to another version';
  if (record.configuration !== configuration) return 'module, environment, token, sessions or activation were changed';
  return runsOurProgram(record.pid) ? undefined : 'it runs another Node';
}

/** A connection to it; undefined when it has gone or cannot be believed: then its record is removed, and our own process is killed. */
async function reach({ name, directory, id }: CardPlace, fx: AdoptEffects, record: CardRecord): Promise<CardProcess | undefined> {
  const { pid } = record;
  if (!lives(record)) {
    fx.log.warn({ key: name, pid }, 'the card process of an earlier daemon has gone without last words');
    forget(directory, id, record);
    return undefined;
  }
  try {
    if (!isOwn(pid) || !isOwnSocket(directory, record) || !listensOn(pid, record.socket)) throw new Error('it is not what its record says');
    return new CardProcess(await connectCard(fx, directory, record), { name, directory, identity: record }, fx);
  } catch (thrown) {
    // It was about to end by itself.
    if (readRecord(directory, id)?.pid !== pid) return undefined;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    fx.log.error({ key: name, pid, why }, 'the card process of an earlier daemon is not trusted and not used');
    if (isOwn(pid) && lives(record)) kill(pid);
    forget(directory, id, record);
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function forget(directory: string, id: string, { socket }: CardRecord): void {
  removeRecord(directory, id);
  removeSocket(directory, socket);
}
