/**
 * Entry of a card process: one PKCS#11 module, one token. Started by launch.ts, never imported. It outlives the daemon that started it as long as
 * its card is active, and serves the next one (card-server.ts).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../../effects/clock.ts';
import { CardServer } from './card-server.ts';
import { CardService } from './card-service.ts';
import type { Setup } from './messages.ts';

const setup = JSON.parse(readFileSync(0, 'utf8')) as Setup;
// A PIN is in this memory for a moment: keep it out of core dumps, whoever takes them (core(5), coredump_filter). The limit is 0 already.
try {
  writeFileSync('/proc/self/coredump_filter', '0');
} catch {
  // Not Linux: nothing to switch off here.
}
process.chdir(setup.directory);
const server = new CardServer(setup, new CardService(setup, systemClock), systemClock);
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
// An administrator, or the end of the machine: a signature in progress is finished first.
process.on('SIGTERM', () => void server.stop('it was told to end by a signal'));
server.listen();
