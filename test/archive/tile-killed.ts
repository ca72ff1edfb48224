/** Moves trees of a data directory into tile files until it is killed: see tile-crash.test.ts. */
import { join } from 'node:path';
import { fileTrees } from '../../src/archive/tile-keeping.ts';
import { systemClock } from '../../src/effects/clock.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { CollectingLog } from '../support/log.ts';

const directory = process.argv[2] ?? '';
const store = await openStore({ clock: systemClock }, { file: join(directory, 'sealtree.db') });
const trees = treeWorker(join(directory, 'tiles'));
process.stdout.write('started\n');
await fileTrees({ store, trees, log: new CollectingLog() });
process.stdout.write('done\n');
await trees.close();
await store.close();
