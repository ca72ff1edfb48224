import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { softHsm, testPin } from '../support/softhsm.ts';
import { makeSigner } from './certificates.ts';
import type { House } from './house.ts';
import { startTsaGate } from './tsa-gate.ts';

/** Under what circumstances a house is killed again and again. */
export interface CrashSetting {
  readonly name: string;
  /** Of the rounds of the first setting. */
  readonly share: number;
  readonly needs?: 'softhsm';
  /** Whether a kill may leave signatures in doubt: only where the key is not in the process. */
  readonly doubts: boolean;
  /** @param cleanup is called with what has to be ended */
  prepare(house: House, cleanup: (end: () => void) => void): Promise<CrashRound>;
}

/** Called before each round with a random number, and with undefined before everything shall end well. */
export type CrashRound = (random: number | undefined) => void;

export const crashSettings: readonly CrashSetting[] = [
  { name: 'software keys', share: 1, doubts: false, prepare: () => Promise.resolve(() => undefined) },
  {
    name: 'an authority that is slow, and every other time does not answer',
    share: 0.5,
    doubts: false,
    prepare: async (house, cleanup) => {
      const gate = await startTsaGate(house);
      cleanup(() => {
        gate.close();
      });
      return (random) => {
        gate.open = random === undefined || random > 0.5;
        gate.delay = random === undefined ? 0 : random * 400;
      };
    },
  },
  {
    name: 'two cards',
    share: 0.5,
    needs: 'softhsm',
    doubts: true,
    prepare: async (house, cleanup) => {
      const hsm = softHsm(cleanup);
      const pin = join(house.directory, 'keys/card.pin');
      writeFileSync(pin, `${testPin}\n`, { mode: 0o600 });
      const cards = ['card-1', 'card-2'];
      for (const card of cards) {
        const { privateKey, chain } = await makeSigner(house);
        const [certificate, ...issuers] = chain;
        hsm.importKey(hsm.createToken(card), { privateKey, ...(certificate === undefined ? {} : { certificate }), chain: issuers });
      }
      house.edit((settings) => {
        for (const label of cards) {
          const card = { source: 'pkcs11', module: hsm.module, token: { label }, key: { id: '01' }, pin: { file: pin } };
          settings.setIn(['keys', label], settings.createNode({ ...card, environment: hsm.environment }));
        }
        settings.setIn(['pools', 'evaluation'], settings.createNode(cards));
      });
      return () => undefined;
    },
  },
];
