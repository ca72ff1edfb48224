import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse, type CardSettings } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';
import type { FaultyCards } from '../support/p11-shim.ts';

describe(
  'cards of different pace and short activations, through the whole daemon',
  needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'),
  () => {
    const authority = testAuthority();
    const identity = authority.issue();
    const removals: (() => void)[] = [];
    let cards: FaultyCards;
    let made = 0;
    before(() => {
      cards = faultyCards((remove) => removals.push(remove));
    });
    after(() => {
      for (const remove of removals) remove();
    });

    const newCard = (): string => {
      const token = cards.createToken(`card${++made}`);
      cards.importKey(token, { privateKey: identity.privateKey, certificate: identity.certificate });
      return token;
    };
    const keyOn = (label: string, more: object = {}): Record<string, unknown> => ({
      ...{ source: 'pkcs11', module: cards.module, environment: cards.environment, token: { label }, key: { id: '01' } },
      ...{ chain: ['./issuing.pem'], ...more },
    });
    const houseOf = (t: TestContext, settings: CardSettings): CardHouse => {
      const house = new CardHouse(authority, settings);
      t.after(() => house.remove());
      writeFileSync(join(house.directory, 'pin'), testPin, { mode: 0o600 });
      return house;
    };
    const unattended = { pin: { file: './pin' } };

    test('a slow card does not hold the fast ones: they take what would wait for it', async (t) => {
      const [slow, ...fast] = [newCard(), newCard(), newCard()];
      const names = [slow, ...fast];
      const house = houseOf(t, {
        keys: Object.fromEntries(names.map((name) => [name, keyOn(name, unattended)])),
        roots: { letters: names },
      });
      await house.daemon(t);
      // A batch to learn the paces from.
      cards.set('delay_ms=40', `${slow}.delay_ms=4000`);
      house.batch('letters', 'first', 6);
      await house.untilDelivered('letters', 'first');
      house.batch('letters', 'second', 60);
      await house.untilDelivered('letters', 'second');
      const counts = await house.proven('letters', 'second', 60);
      assert.ok((counts[slow] ?? 0) <= 10, `an equal share would be 20: ${JSON.stringify(counts)}`);
      const { intents, signedTwice } = house.ledger();
      assert.deepEqual([intents.signed, intents.spent, intents.doubt, signedTwice], [66, 0, 0, 0]);
    });

    test('a batch larger than an activation pauses exactly there, also over a restart, and goes on with each PIN', async (t) => {
      cards.set('delay_ms=20');
      const card = newCard();
      const house = houseOf(t, { keys: { card: keyOn(card, { maxSignatures: 10 }) }, roots: { letters: ['card'] } });
      const daemon = await house.daemon(t);
      assert.equal(await house.activate('card', testPin), 'ready');
      house.batch('letters', 'long', 25);
      const pausedAt = async (count: number): Promise<void> => {
        await until(`${count} are signed`, () => house.signed() === count);
        await house.untilKey('card', 'pin-needed');
        assert.equal(house.signed(), count);
        assert.equal(house.delivered('letters', 'long'), false);
      };
      await pausedAt(10);
      assert.match((await house.run('status')).stdout, /used up|PIN/);
      assert.equal(await daemon.stop(), 0);
      await house.daemon(t);
      await pausedAt(10);
      assert.equal(await house.activate('card', testPin), 'ready');
      await pausedAt(20);
      assert.equal(await house.activate('card', testPin), 'ready');
      await house.untilDelivered('letters', 'long');
      assert.deepEqual(await house.proven('letters', 'long', 25), { card: 25 });
      const { signaturesLeft } = await house.key('card');
      assert.equal(signaturesLeft, 5);
      assert.equal(house.ledger().signedTwice, 0);
    });

    test('an urgent batch passes a large one on the same card; both end whole', async (t) => {
      cards.set('delay_ms=50');
      const card = newCard();
      const house = houseOf(t, {
        keys: { card: keyOn(card, unattended) },
        roots: { bulk: { keys: ['card'], priority: 0 }, urgent: { keys: ['card'], priority: 10 } },
      });
      await house.daemon(t);
      house.batch('bulk', 'large', 100);
      await until('it signs', () => house.signed() > 3);
      // Slow as long as the urgent one is on its way: a hundred more would take minutes.
      cards.set('delay_ms=1000');
      house.batch('urgent', 'small', 5);
      await house.untilDelivered('urgent', 'small');
      assert.equal(house.delivered('bulk', 'large'), false);
      cards.set('delay_ms=20');
      await house.untilDelivered('bulk', 'large');
      assert.deepEqual(await house.proven('urgent', 'small', 5), { card: 5 });
      assert.equal(house.ledger().intents.signed, 105);
    });
  },
);
