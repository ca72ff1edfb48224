import { History, type Stamp } from './history.ts';
import type { ProducedRecord } from '../../src/archive/produced-record.ts';

/** A day before the first tree. */
export const goldenStart: number = Date.UTC(2026, 10, 22, 6, 0, 0);

const text = (name: string): Buffer => Buffer.from(`golden ${name}\n`);

export const goldenObjects: Readonly<Record<'single' | 'group', readonly Buffer[]>> = {
  single: [text('single')],
  group: [text('document'), text('signature')],
};

export interface GoldenRecord {
  readonly name: string;
  readonly members: readonly Buffer[];
  readonly record: ProducedRecord;
}

/** Two histories that never change: every kind of record, in the order in which it comes to be. */
export async function goldenRecords(stamp: Stamp, anchor: Buffer): Promise<GoldenRecord[]> {
  const records: GoldenRecord[] = [];
  const take = async (history: History, kind: string): Promise<void> => {
    for (const [name, members] of Object.entries(goldenObjects))
      records.push({ name: `${name}-${kind}`, members, record: await history.record(members[0] ?? Buffer.alloc(0)) });
  };
  const others = ['one', 'two', 'three', 'four', 'five'].map((name) => [text(name)]);

  const long = new History(stamp, goldenStart, anchor);
  await long.tree([goldenObjects.single, goldenObjects.group, ...others]);
  await take(long, 'initial');
  await long.renewTimestamps();
  await take(long, 'renewed');
  await long.renewTimestamps();
  await take(long, 'renewed-twice');
  await long.rehash('sha512');
  await long.renewTimestamps();
  await take(long, 'mixed');
  await long.rehash('sha384');
  await long.renewTimestamps();
  await long.renewTimestamps();
  await take(long, 'mixed-further');

  const short = new History(stamp, goldenStart + 30 * 86_400_000, anchor);
  await short.tree([...others, goldenObjects.group, goldenObjects.single]);
  await short.rehash('sha512');
  await take(short, 'rehashed');
  await short.rehash('sha384');
  await take(short, 'rehashed-twice');
  return records;
}
