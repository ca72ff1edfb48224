import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshCrls, testTsa } from '../../test/support/archive.ts';
import { testAuthority } from '../../test/support/authority.ts';
import { ManualClock } from '../../test/support/clock.ts';
import { CollectingLog } from '../../test/support/log.ts';
import { planTimestampRenewal, sealTimestampRenewals } from '../../src/archive/renew.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { embedRevocation } from '../../src/formats/tsp-normalize.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { median, print } from '../measure.ts';

const days = 3650;
const day = 86_400_000;

/** Ten years of days: everything that one new timestamp takes, but the timestamp itself; seconds, the database on disk. */
export default async function renewTimestamps(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  const clock = new ManualClock();
  const store = await openStore({ clock }, { file: join(directory, 'sealtree.db') });
  const trees = treeWorker();
  try {
    const authority = testAuthority({ now: Math.floor(clock.now() / 1000) * 1000 });
    const tsa = testTsa(authority, clock);
    const { crls } = await freshCrls(authority, clock).find(Buffer.alloc(0), Buffer.alloc(0), 0);
    for (let n = 0; n < days; n++) {
      const at = clock.now() + n * day;
      const root = digestOf('sha256', Buffer.from(`day ${n}`));
      const date = new Date(at).toISOString().slice(0, 10);
      await store.appendLeaves({
        tree: { date, at, digest: 'sha256', layout: 1 },
        leaves: [{ kind: 'document', members: [root] }],
        blobs: [],
      });
      await store.seal(`${date}.1`, at);
      await store.setRoot(`${date}.1`, root);
      const stamp = await tsa.timestamp({ digest: 'sha256', messageImprint: root });
      const token = embedRevocation(stamp.token, { certificates: [authority.issuing.certificate], crls: [...crls], ocsps: [] });
      await store.addToken({ tree: `${date}.1`, n: 1, tsa: 'tsa', token, genTime: at, accuracy: 0, frozen: true }, at);
    }
    const fx = { clock, store, trees, log: new CollectingLog() };
    const archive = {
      timezone: 'UTC',
      closeAt: '00:15',
      closing: { kind: 'daily' },
      digest: 'sha256',
      timestamps: 1,
      revocationGrace: 0,
    } as const;
    const times: number[] = [];
    for (let round = 0; round < Number(process.env['ROUNDS'] ?? 5); round++) {
      const began = performance.now();
      const plan = await planTimestampRenewal(fx);
      const [renewal] = await sealTimestampRenewals(fx, { archive }, plan, 'bench');
      if (renewal?.leaves !== days) throw new Error('not every day is renewed');
      times.push((performance.now() - began) / 1000);
    }
    print({ row: 'renew-timestamps', ours: median(times), peer: 1, of: '1 s', goal: 1, atMost: true, unit: 's' });
  } finally {
    await trees.close();
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
