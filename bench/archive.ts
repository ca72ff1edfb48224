import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { testAuthority } from '../test/support/authority.ts';
import { ManualClock } from '../test/support/clock.ts';
import { freshCrls, testTsa } from '../test/support/archive.ts';
import { CollectingLog } from '../test/support/log.ts';
import { Closing } from '../src/archive/closing.ts';
import { treeWorker } from '../src/effects/trees.ts';
import { openTrust, type Trust } from '../src/pki/trust.ts';
import { openStore } from '../src/store/sqlite.ts';
import type { ClosingEffects } from '../src/archive/close.ts';

/** The n-th document of a day. */
export function leafHash(n: number): Buffer {
  return createHash('sha256').update(`document ${n}`).digest();
}

export interface AnchoredDay {
  readonly fx: Pick<ClosingEffects, 'store'>;
  readonly trust: Trust;
  readonly tree: string;
  close(): Promise<void>;
}

/** A day of single leaves in a real store, closed, its token frozen. */
export async function anchoredDay(directory: string, leaves: number): Promise<AnchoredDay> {
  const clock = new ManualClock();
  const authority = testAuthority({ now: Math.floor(clock.now() / 1000) * 1000 });
  const store = await openStore({ clock }, { file: join(directory, 'sealtree.db') });
  const trees = treeWorker(join(directory, 'tiles'));
  const tsa = testTsa(authority, clock);
  const tree = { date: '2026-11-22', at: clock.now(), digest: 'sha256' as const, layout: 1 };
  for (let first = 0; first < leaves; first += 10_000) {
    const count = Math.min(10_000, leaves - first);
    const page = Array.from({ length: count }, (_, n) => ({ kind: 'document' as const, members: [leafHash(first + n)] }));
    await store.appendLeaves({ tree, leaves: page, blobs: [] });
  }
  const trust = openTrust({
    anchors: [authority.root.certificate],
    certificates: [authority.issuing.certificate],
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: 'require',
  });
  const fx = { clock, store, trees, log: new CollectingLog(), revocation: freshCrls(authority, clock), tsas: new Map([['tsa', tsa]]) };
  const archive = {
    timezone: 'Europe/Berlin',
    closeAt: '18:00',
    closing: { kind: 'daily' },
    digest: 'sha256',
    timestamps: 1,
    revocationGrace: 0,
  } as const;
  const closing = new Closing(fx, { archive, tsas: [{ name: 'tsa', digest: 'sha256' }], trust });
  const began = performance.now();
  const { sealed } = await closing.close('bench');
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  process.stdout.write(`  ${leaves.toLocaleString('en')} leaves read, root computed, stamped and written in ${seconds} s\n`);
  await clock.advance(3_600_000);
  await closing.tick();
  await trees.close();
  return { fx, trust, tree: sealed?.id ?? '', close: () => store.close() };
}
