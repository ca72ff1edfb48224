import type { TestContext } from 'node:test';
import { Closing } from '../../src/archive/closing.ts';
import { leavesOfHash, recordsOfLeaf } from '../../src/archive/evidence.ts';
import type { ProducedRecord } from '../../src/archive/produced-record.ts';
import { Renewing } from '../../src/archive/renewing.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { appendDocuments, testArchive, type TestArchive } from './archive.ts';
import type { EvidenceRecordReport } from '../../src/model/verification.ts';

export const day = 86_400_000;

export interface RenewingArchive extends TestArchive {
  readonly closing: Closing;
  readonly renewing: Renewing;
}

/** An archive with closing and renewing, as the daemon has them. */
export async function renewingArchive(
  t: TestContext,
  ...args: Parameters<typeof testArchive> extends [unknown, ...infer Rest] ? Rest : never
): Promise<RenewingArchive> {
  const archive = await testArchive(t, ...args);
  return { ...archive, ...machinery(archive) };
}

/** Closing and renewing over an archive: once more after a restart. */
export function machinery({ fx, settings }: Pick<TestArchive, 'fx' | 'settings'>): Pick<RenewingArchive, 'closing' | 'renewing'> {
  const closing = new Closing(fx, settings);
  return { closing, renewing: new Renewing(fx, settings, (task) => closing.inTurn(task)) };
}

/** A closed tree of documents; two days later its timestamp is frozen. */
export async function closeTree(archive: RenewingArchive, names: readonly string[]): Promise<void> {
  await appendDocuments(archive, names);
  await archive.closing.close('test');
  await settle(archive);
}

/** Two days pass: what waits for revocation data gets it. */
export async function settle({ clock, closing, renewing }: RenewingArchive): Promise<void> {
  await clock.advance(2 * day);
  await closing.tick();
  await renewing.tick();
}

/** The records of an object, found by its hash. */
export async function recordsOf({ fx, settings }: TestArchive, hash: Buffer): Promise<ProducedRecord[]> {
  const [leaf] = await leavesOfHash(fx, hash);
  if (leaf === undefined) throw new Error('no leaf');
  return await recordsOfLeaf(fx, settings.trust, leaf);
}

/** Our own verdict at a time, with the trust centre's CRLs of now. @param at UTC ms, now by default */
export function verdict(
  { authority, clock }: TestArchive,
  record: Buffer,
  objects: Readonly<Record<string, Buffer>>,
  at = clock.now() + 1000,
): EvidenceRecordReport {
  authority.setTime(Math.floor(at / 1000) * 1000);
  const context = new VerifyContext(
    {
      anchors: [authority.root.certificate],
      certificates: [],
      revocation: { crls: authority.crls(), ocsps: [], failures: [] },
      at,
      revocationMode: 'require' as const,
    },
    new TrustKeeper(),
  );
  const given = Object.entries(objects).map(([name, bytes]) => ({
    name,
    digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, bytes),
  }));
  return verifyEvidenceRecord(record, given, {
    at,
    judge: (token, time) => judgeToken(context, token, { kind: 'evidence-record', at: time }),
  });
}
