import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from './clock.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Store } from '../../src/ports/store.ts';

/** A directory that is removed with the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface TemporaryStore {
  readonly store: Store;
  readonly file: string;
}

/** A real SQLite store in a directory of its own, closed and removed after the test. */
export async function temporaryStoreFile(t: TestContext, clock: Clock = new ManualClock()): Promise<TemporaryStore> {
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-store-'));
  const file = join(directory, 'sealtree.db');
  const store = await openStore({ clock }, { file });
  t.after(async () => {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { store, file };
}

/** The same, for tests that do not care about its file. */
export async function temporaryStore(t: TestContext, clock?: Clock): Promise<Store> {
  return (await temporaryStoreFile(t, clock)).store;
}
