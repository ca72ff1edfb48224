import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext } from 'node:test';
import { openStore } from '../../src/store/sqlite.ts';
import { storeSuite } from '../suites/store.ts';
import { ManualClock } from '../support/clock.ts';
import type { StoreUnderTest } from '../suites/store-samples.ts';

async function open(t: TestContext): Promise<StoreUnderTest> {
  const clock = new ManualClock();
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-store-'));
  const file = join(directory, 'sealtree.db');
  const under: StoreUnderTest = {
    clock,
    store: await openStore({ clock }, { file }),
    reopen: async () => {
      await under.store.close();
      under.store = await openStore({ clock }, { file });
    },
  };
  t.after(async () => {
    await under.store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return under;
}

describe('SQLite', () => {
  storeSuite(open);
});
