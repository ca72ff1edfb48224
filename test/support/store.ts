import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { storeMethods } from '../../src/store/store.ts';
import { tileFiles } from '../../src/store/tile-files.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from './clock.ts';
import type { Connection } from '../../src/store/database.ts';
import type { Methods } from '../../src/store/methods.ts';
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

/** The store on this thread over an open connection: quick, and what a test does to the connection can be undone. */
export function storeOn(db: Connection['db'], clock: Pick<Clock, 'now'>): Store {
  const methods = storeMethods({ db, now: () => clock.now() }, tileFiles(join(dirname(db.name), 'tiles')));
  return new Proxy({} as Store, {
    get: (_, name) => {
      const method = methods[name as keyof Methods] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => Promise.resolve().then(() => method(...args));
    },
  });
}
