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
  /** UTC ms: about when it was stamped. */
  readonly at: number;
  /** DER. */
  readonly anchor: Buffer;
  /** How long its steps took. */
  readonly seconds: { readonly append: number; readonly close: number; readonly file: number };
  close(): Promise<void>;
}

/** A day of single leaves in a real store, closed, its token frozen, its hashes in tile files. */
export async function anchoredDay(
  directory: string,
  leaves: number,
  say: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): Promise<AnchoredDay> {
  const clock = new ManualClock();
  const authority = testAuthority({ now: Math.floor(clock.now() / 1000) * 1000 });
  const store = await openStore({ clock }, { file: join(directory, 'sealtree.db') });
  const trees = treeWorker(join(directory, 'tiles'));
  const tsa = testTsa(authority, clock);
  const tree = { date: '2026-11-22', at: clock.now(), digest: 'sha256' as const, layout: 1 };
  const started = performance.now();
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
  const closed = performance.now();
  say(`  ${leaves.toLocaleString('en')} leaves read, root computed, stamped and written in ${((closed - began) / 1000).toFixed(2)} s`);
  await clock.advance(3_600_000);
  await closing.tick();
  await trees.close();
  const seconds = { append: (began - started) / 1000, close: (closed - began) / 1000, file: (performance.now() - closed) / 1000 };
  return { fx, trust, tree: sealed?.id ?? '', at: tree.at, anchor: authority.root.certificate, seconds, close: () => store.close() };
}
