import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { makePdf, onePage } from '../support/pdfs.ts';
import { qpdf, qpdfVariants } from '../support/qpdf.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';

const authority = testAuthority();

describe('cards outlive the daemon, from end to end', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  const house = (t: TestContext, more: object, root: object = {}, profile: Readonly<Record<string, unknown>> = {}) => {
    const cards = faultyCards((remove) => {
      t.after(remove);
    });
    const identity = authority.issue();
    cards.importKey(cards.createToken('card'), { privateKey: identity.privateKey, certificate: identity.certificate });
    const { module, environment } = cards;
    const key = { source: 'pkcs11', module, environment, token: { label: 'card' }, key: { id: '01' }, chain: ['./issuing.pem'], ...more };
    const made = new CardHouse(authority, { keys: { card: key }, roots: { letters: { keys: ['card'], ...root } }, profile });
    t.after(() => made.remove());
    return { cards, house: made };
  };

  test('killed again and again while it signs: one PIN, every document signed once, nothing in doubt, the limit exact', async (t) => {
    const count = 24;
    const { cards, house: own } = house(t, { maxSignatures: count });
    let daemon = await own.daemon(t);
    assert.equal(await own.activate('card', testPin), 'ready');
    const { activation } = await own.key('card');
    cards.set('delay_ms=250');
    own.batch('letters', 'once', count);
    for (const after of [2, 7, 13]) {
      await until(`${after} signatures`, () => own.signed() >= after);
      await sleep(120);
      await daemon.kill();
      daemon = await own.daemon(t);
      const view = await own.key('card');
      assert.deepEqual([view.state, view.activation], ['ready', activation]);
    }
    await own.untilDelivered('letters', 'once');
    assert.deepEqual(await own.proven('letters', 'once', count), { card: count });
    const { intents, signedTwice, withoutIntent } = own.ledger();
    assert.deepEqual([intents.signed, intents.spent, intents.doubt, intents.open], [count, 0, 0, 0]);
    assert.deepEqual([signedTwice, withoutIntent], [0, 0]);
    // The last one that was allowed was the last document.
    await own.untilKey('card', 'pin-needed');
    assert.equal((await own.key('card')).signatures, count);
  });

  test('killed while it signs encrypted PDFs: what the card finished is taken over with their password', needs('qpdf'), async (t) => {
    const count = 8;
    const { cards, house: own } = house(t, {}, { documentPassword: { file: './password' } }, { format: 'pades' });
    writeFileSync(`${own.directory}/password`, 'user\n', { mode: 0o600 });
    const documents = [...Array(count).keys()].map((n) => [`${n}.pdf`, qpdf(makePdf({ ...onePage, 9: `(${n})` }), qpdfVariants['aes-256-user'] ?? [])] as const); // prettier-ignore
    let daemon = await own.daemon(t);
    assert.equal(await own.activate('card', testPin), 'ready');
    cards.set('delay_ms=1000');
    own.place('letters', 'locked', Object.fromEntries(documents));
    for (const after of [2, 4]) {
      await until(`${after} signatures`, () => own.signed() >= after);
      // The card is at the next one, for a second; whenever the kill comes, nothing may be in doubt.
      await sleep(300);
      await daemon.kill();
      daemon = await own.daemon(t);
    }
    await own.untilDelivered('letters', 'locked');
    const { intents, signedTwice, withoutIntent } = own.ledger();
    assert.deepEqual([intents.signed, intents.spent, intents.doubt, intents.open], [count, 0, 0, 0]);
    assert.deepEqual([signedTwice, withoutIntent], [0, 0]);
  });

  test('stopped and started: the stop says what stays; deactivated without a daemon, nothing stays', async (t) => {
    const { house: own } = house(t, { maxHours: 2 });
    const first = await own.daemon(t);
    assert.equal(await own.activate('card', testPin), 'ready');
    await first.stop();
    assert.match(first.log, /stays active for the next daemon/);
    const second = await own.daemon(t);
    assert.equal((await own.key('card')).state, 'ready');
    await second.stop();
    const { status, stderr, stdout } = await own.run('key', 'deactivate', 'card');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /PIN needed/);
    assert.ok(!readdirSync(`${own.directory}/data/run`).some((name) => name.endsWith('.card')));
    await own.daemon(t);
    await own.untilKey('card', 'pin-needed');
  });
});
