import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';
import type { KeyView } from '../../src/app/keys.ts';

const authority = testAuthority();

describe('a reader with a pad asks for the PIN itself', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  /** @param typed what the person types on the pad; empty: the person cancels */
  const house = (t: TestContext, typed: string, settings: object = {}) => {
    const cards = faultyCards((remove) => {
      t.after(remove);
    });
    const identity = authority.issue();
    cards.importKey(cards.createToken('card'), { privateKey: identity.privateKey, certificate: identity.certificate });
    const environment = { ...cards.environment, P11SHIM_PINPAD: '1', P11SHIM_PADPIN: typed };
    const key = {
      source: 'pkcs11',
      module: cards.module,
      environment,
      token: { label: 'card' },
      key: { id: '01' },
      chain: ['./issuing.pem'],
    };
    const own = new CardHouse(authority, { keys: { card: { ...key, ...settings } }, roots: { letters: ['card'] } });
    t.after(() => own.remove());
    return { cards, own };
  };
  const activate = (own: CardHouse) => own.run('key', 'activate', 'card');

  test('mass-signature card: one command, one PIN at the reader, nothing is asked on the terminal', async (t) => {
    const { own } = house(t, testPin);
    await own.daemon(t);
    assert.match((await own.run('key', 'list')).stdout, /enter the PIN at the reader/);
    const { status, stderr } = await activate(own);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^enter the PIN of card on the reader: \S/m);
    assert.doesNotMatch(stderr, /PIN of card:/);
    own.batch('letters', 'mass', 3);
    await own.untilDelivered('letters', 'mass');
    assert.deepEqual(await own.proven('letters', 'mass', 3), { card: 3 });
    const made = await own.run('key', 'generate', 'card', '--type', 'p-256');
    assert.equal(made.status, 65, 'the PIN was right, and a key lies there');
    assert.match(made.stderr, /on the reader/);
  });

  for (const always of [false, true])
    test(`individual card${always ? ' that demands its PIN itself' : ''}: each document is shown, then its PIN is entered at the reader`, async (t) => {
      const { cards, own } = house(t, testPin, { kind: 'individual' });
      if (always) cards.set('always_auth=1');
      await own.daemon(t);
      own.batch('letters', 'two', 2);
      const shown = new Set<string>();
      for (let signed = 1; signed <= 2; signed++) {
        let waiting: KeyView['waiting'];
        await until('a document waits', async () => {
          ({ waiting } = await own.key('card'));
          return waiting !== undefined && !shown.has(waiting.sha256);
        });
        shown.add(waiting?.sha256 ?? '');
        const { status, stderr } = await activate(own);
        assert.equal(status, 0, stderr);
        assert.match(stderr, new RegExp(`is to sign this document:[^]*${waiting?.sha256 ?? ''}[^]*on the reader`));
      }
      await own.untilDelivered('letters', 'two');
      assert.deepEqual(await own.proven('letters', 'two', 2), { card: 2 });
      const { intents, signedTwice } = own.ledger();
      assert.deepEqual([intents.signed, intents.doubt, intents.spent, signedTwice], [2, 0, 0, 0]);
    });

  test('cancelled at the reader: told so, nothing is counted as a wrong PIN', async (t) => {
    const { own } = house(t, '');
    await own.daemon(t);
    const { status, stderr } = await activate(own);
    assert.equal(status, 75, stderr);
    assert.match(stderr, /PIN entry was cancelled/);
    const { state, wrongPins } = await own.key('card');
    assert.deepEqual([state, wrongPins], ['pin-needed', undefined]);
  });

  test('a wrong PIN at the reader counts as one', async (t) => {
    const { own } = house(t, '00000000');
    await own.daemon(t);
    const { status, stderr } = await activate(own);
    assert.equal(status, 77, stderr);
    assert.match(stderr, /SEAL-KEY-PIN-INCORRECT/);
    assert.equal((await own.key('card')).wrongPins, 1);
  });
});
