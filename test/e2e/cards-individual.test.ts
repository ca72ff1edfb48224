import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';
import type { KeyView } from '../../src/app/keys.ts';

type WaitingView = NonNullable<KeyView['waiting']>;

const authority = testAuthority();
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('an individual card asks its PIN for each document', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  const house = (t: TestContext, kind: object, more: object = {}) => {
    const cards = faultyCards((remove) => {
      t.after(remove);
    });
    const keyOf = (token: string, settings: object): object => {
      const identity = authority.issue();
      cards.importKey(cards.createToken(token), { privateKey: identity.privateKey, certificate: identity.certificate });
      const { module, environment } = cards;
      return { source: 'pkcs11', module, environment, token: { label: token }, key: { id: '01' }, chain: ['./issuing.pem'], ...settings };
    };
    const keys = { person: keyOf('person', kind), machine: keyOf('machine', {}) };
    const roots = { contracts: ['person'], letters: ['machine'], ...more };
    const made = new CardHouse(authority, { keys: keys as never, roots });
    t.after(() => made.remove());
    return { cards, house: made };
  };
  /** A document that waits for its PIN. @param before one that was offered earlier: it is offered anew, or another one */
  const waiting = async (own: CardHouse, before?: WaitingView): Promise<WaitingView> => {
    let found: WaitingView | undefined;
    await until('a document waits', async () => {
      found = (await own.key('person')).waiting;
      return found !== undefined && found.since !== before?.since;
    });
    assert.ok(found);
    return found;
  };

  for (const always of [true, false])
    test(`${always ? 'the card demands it' : 'the configuration demands it'}: shown with name and hash, signed on its PIN; other roots do not wait`, async (t) => {
      const { cards, house: own } = house(t, { kind: 'individual' });
      if (always) cards.set('person.always_auth=1');
      await own.daemon(t);
      // Nothing is needed while nothing waits.
      await own.untilKey('person', 'ready');
      const early = await own.run('key', 'activate', 'person', '--pin-file', own.pinFile(testPin));
      assert.equal(early.status, 64, early.stderr);
      assert.match(early.stderr, /no document waits/);

      own.batch('contracts', 'two', 2);
      const first = await waiting(own);
      assert.match(first.document, /^[01]\.txt$/);
      assert.equal(first.sha256, hashOf(`document ${first.document[0] ?? ''} of two\n`));
      assert.equal((await own.key('person')).state, 'pin-needed');
      assert.match((await own.run('status')).stdout, new RegExp(`${first.document}.*waits for its PIN`));

      // A root with a mass-signature card goes on meanwhile.
      assert.equal(await own.activate('machine', testPin), 'ready');
      own.batch('letters', 'mass', 5);
      await own.untilDelivered('letters', 'mass');
      assert.equal(own.delivered('contracts', 'two'), false);

      // Another document than the one that was shown, and a wrong PIN, sign nothing.
      assert.equal(await own.activate('person', testPin, hashOf('something else')), 'SEAL-USAGE');
      assert.equal(await own.activate('person', testPin), 'SEAL-USAGE');
      assert.equal(await own.activate('person', '00000000', first.sha256), 'SEAL-KEY-PIN-INCORRECT');

      for (let signed = 0; signed < 2; signed++) {
        await waiting(own);
        const { status, stderr } = await own.run('key', 'activate', 'person', '--pin-file', own.pinFile(testPin));
        assert.equal(status, 0, stderr);
        assert.match(stderr, /is to sign this document:[^]*[01]\.txt[^]*SHA-256 [0-9a-f]{64}/);
      }
      await own.untilDelivered('contracts', 'two');
      assert.deepEqual(await own.proven('contracts', 'two', 2), { person: 2 });
      const { intents, signedTwice } = own.ledger();
      assert.deepEqual([intents.signed, intents.doubt, intents.spent, signedTwice], [7, 0, 0, 0]);
    });

  test('a kill while a document waits leaves nothing in doubt; nobody in time: it is offered again', async (t) => {
    const { house: own } = house(t, { kind: 'individual', pinTimeout: '2s' });
    const daemon = await own.daemon(t);
    own.batch('contracts', 'one', 1);
    const { sha256 } = await waiting(own);
    await daemon.kill();
    await own.daemon(t);
    const again = await waiting(own);
    const later = await waiting(own, again);
    assert.deepEqual([again.sha256, later.sha256], [sha256, sha256]);
    // A test that is slow may miss the two seconds in which it is offered: then the PIN signs nothing, and the next time comes.
    await until('the PIN comes in time', async () => {
      const answer = await own.activate('person', testPin, sha256);
      assert.ok(answer === 'ready' || answer === 'SEAL-USAGE', answer);
      return answer === 'ready';
    });
    await own.untilDelivered('contracts', 'one');
    const { intents } = own.ledger();
    assert.deepEqual([intents.signed, intents.doubt, intents.spent, intents.open], [1, 0, 0, 0]);
  });

  test('in a pool with a card that needs nobody, nobody is asked', async (t) => {
    const { house: own } = house(t, { kind: 'individual' }, { both: ['person', 'machine'] });
    await own.daemon(t);
    assert.equal(await own.activate('machine', testPin), 'ready');
    own.batch('both', 'all', 6);
    await own.untilDelivered('both', 'all');
    assert.deepEqual(await own.proven('both', 'all', 6), { machine: 6 });
  });
});
