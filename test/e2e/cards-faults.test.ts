import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';

const authority = testAuthority();
const count = 30;

describe('a card that fails in the middle of a batch', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  const faults = {
    'its driver hangs: the process is killed after the time limit, the document moves': 'left.delay_ms=600000',
    'device errors: once more on another card': 'left.fail_rv=48',
    'general errors of the driver: once more on another card': 'left.fail_rv=5',
  };
  for (const [what, fault] of Object.entries(faults))
    test(what, async (t) => {
      const cards = faultyCards((remove) => {
        t.after(remove);
      });
      const keyOf = (token: string): Readonly<Record<string, unknown>> => {
        const identity = authority.issue();
        cards.importKey(cards.createToken(token), { privateKey: identity.privateKey, certificate: identity.certificate });
        const { module, environment } = cards;
        return {
          source: 'pkcs11',
          module,
          environment,
          token: { label: token },
          key: { id: '01' },
          chain: ['./issuing.pem'],
          timeout: '5s',
        };
      };
      const own = new CardHouse(authority, { keys: { left: keyOf('left'), right: keyOf('right') }, roots: { letters: ['left', 'right'] } });
      t.after(() => own.remove());
      await own.daemon(t);
      for (const name of ['left', 'right']) assert.equal(await own.activate(name, testPin), 'ready');
      cards.set('delay_ms=400');
      own.batch('letters', 'moved', count);
      await until('both sign', () => own.signed() >= 4);
      cards.set('delay_ms=60', fault);
      await own.untilDelivered('letters', 'moved');
      const made = await own.proven('letters', 'moved', count);
      assert.ok((made['right'] ?? 0) > (made['left'] ?? 0), JSON.stringify(made));
      const { intents, signedTwice, withoutIntent } = own.ledger();
      assert.deepEqual([intents.signed, intents.doubt, intents.open, signedTwice, withoutIntent], [count, 0, 0, 0, 0]);
      // What the card may have used up counts against it.
      assert.ok(intents.spent >= 1 && intents.spent <= 10, `${intents.spent} spent`);
    });
});
