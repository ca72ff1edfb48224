/** Run by cards.test.ts: a process that keeps a card process, to be killed. Prints the pid of that one. */
import { CardProcess } from '../../../../src/signer/keys/pkcs11/process.ts';
import { systemClock } from '../../../../src/effects/clock.ts';
import { CollectingLog } from '../../../support/log.ts';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';

const { name, module, sessions, environment, token } = JSON.parse(process.argv[2] ?? '') as Pkcs11KeyConfig;
const card = new CardProcess({ name, sessions, environment }, { clock: systemClock, log: new CollectingLog() });
await card.call('start', { module, sessions }, 10_000);
await card.call('look', { token: token === 'any' ? {} : token }, 10_000);
process.stdout.write(String(card.pid));
