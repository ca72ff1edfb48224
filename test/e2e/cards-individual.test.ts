import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';

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
    t.after(() => {
      rmSync(made.directory, { recursive: true, force: true });
    });
    return { cards, house: made };
  };
  const waiting = async (own: CardHouse): Promise<{ document: string; sha256: string }> => {
    await until('a document waits', async () => (await own.key('person')).waiting !== undefined);
    const { waiting: found } = await own.key('person');
    assert.ok(found);
    return found;
  };

  for (const always of [true, false])
    test(`${always ? 'the card demands it' : 'the configuration demands it'}: shown with name and hash, signed on its PIN; other roots do not wait`, async (t) => {
      const { cards, house: own } = house(t, { kind: 'individual' });
      if (always) cards.set('person.always_auth=1');
      await own.daemon(t);
      assert.equal((await own.key('person')).state, 'ready', 'nothing is needed while nothing waits');
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
        assert.equal(status, signed === 0 ? status : 0, stderr);
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
    await waiting(own);
    await until('its time is over', async () => (await own.key('person')).waiting === undefined);
    await until('it is in doubt of nothing', () => own.ledger().intents.open === 0);
    assert.deepEqual(await waiting(own).then((found) => found.sha256), sha256);
    assert.equal(await own.activate('person', testPin, sha256), 'ready');
    await own.untilDelivered('contracts', 'one');
    assert.equal(own.ledger().intents.doubt, 0);
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
