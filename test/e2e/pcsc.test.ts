import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { cardPin, PcscStack, type VirtualCard } from '../support/pcsc.ts';
import { needs } from '../support/tools.ts';
import { CardHouse, type CardSettings } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';

const authority = testAuthority();
const rsaCard: VirtualCard = {
  name: 'RSA card',
  mass: authority.issue({ keyType: 'rsa2048', subject: 'RSA card' }),
  individual: authority.issue({ keyType: 'rsa2048', keyName: 'second', subject: 'RSA card, individual' }),
};
const ecCard: VirtualCard = {
  name: 'P-256 card',
  mass: authority.issue({ subject: 'P-256 card' }),
  individual: authority.issue({ subject: 'P-256 card, individual' }),
};

describe('real PC/SC: pcscd, vpcd and OpenSC with virtual PIV cards', needs('pcsc', 'opensc', 'openssl'), () => {
  const stackOf = (t: TestContext, ...cards: VirtualCard[]): Promise<PcscStack> => PcscStack.start((end) => { t.after(end); }, cards); // prettier-ignore
  const houseOf = (t: TestContext, settings: CardSettings): CardHouse => {
    const house = new CardHouse(authority, settings);
    t.after(() => {
      rmSync(house.directory, { recursive: true, force: true });
    });
    return house;
  };
  const keyOf = (stack: PcscStack, card: number, id = '01', more: object = {}): Record<string, unknown> => ({
    source: 'pkcs11',
    module: stack.module,
    environment: stack.environment,
    token: { serial: stack.serial(card) },
    key: { id },
    chain: ['./issuing.pem'],
    ...more,
  });

  for (const card of [rsaCard, ecCard])
    test(`${card.name}: PIN, a batch; pulled in the middle and put back: its PIN is needed, then the batch ends`, async (t) => {
      const stack = await stackOf(t, card);
      const house = houseOf(t, { keys: { card: keyOf(stack, 0) }, roots: { letters: ['card'] } });
      await house.daemon(t);
      const { state, certificate, reader, token } = await house.key('card');
      assert.deepEqual([state, certificate?.daysLeft, token?.serial], ['pin-needed', 729, stack.serial(0)]);
      assert.match(reader ?? '', /Virtual Reader/);
      const { status, stderr } = await house.run('key', 'activate', 'card', '--pin-file', house.pinFile(cardPin));
      assert.equal(status, 0, stderr);
      await stack.set(0, { delayMs: 30 });
      house.batch('letters', 'pulled', 40);
      await until('it signs', () => house.signed() > 8);
      await stack.remove(0);
      await house.untilKey('card', 'absent');
      assert.equal(house.delivered('letters', 'pulled'), false);
      await stack.insert(0);
      await house.untilKey('card', 'pin-needed');
      assert.equal(await house.activate('card', cardPin), 'ready');
      await house.untilDelivered('letters', 'pulled');
      assert.deepEqual(await house.proven('letters', 'pulled', 40), { card: 40 });
      const { intents, signedTwice, withoutIntent } = house.ledger();
      assert.deepEqual([intents.signed, intents.doubt, intents.open, signedTwice, withoutIntent], [40, 0, 0, 0, 0]);
      const { sign, verify } = await stack.statistics(0);
      assert.ok(sign <= intents.signed + intents.spent && intents.spent <= 3, `the card made ${sign}, ${intents.spent} count besides`);
      assert.equal(verify, 2, 'a PIN entry for each activation, none by the machine');
    });

  test('both cards sign a batch at once, each through a process of its own that is bound to its reader', async (t) => {
    const stack = await stackOf(t, rsaCard, ecCard);
    const house = houseOf(t, {
      keys: {
        rsa: keyOf(stack, 0),
        any: { ...keyOf(stack, 1), key: {}, token: 'any', certificate: { subject: '*CN=P-256 card,*' } },
        nobody: { ...keyOf(stack, 1), key: {}, token: 'any', certificate: { subject: '*CN=Other*' } },
      },
      roots: { letters: ['rsa', 'any'] },
    });
    await house.daemon(t);
    for (const name of ['rsa', 'any']) assert.equal(await house.activate(name, cardPin), 'ready', name);
    assert.equal((await house.key('any')).token?.serial, stack.serial(1));
    assert.equal((await house.key('nobody')).state, 'absent');
    for (const card of [0, 1]) await stack.set(card, { delayMs: 60 });
    house.batch('letters', 'two', 40);
    await house.untilDelivered('letters', 'two');
    const made = await house.proven('letters', 'two', 40);
    assert.ok((made['rsa'] ?? 0) > 12 && (made['any'] ?? 0) > 12, JSON.stringify(made));

    // One leaves and comes back while the other stays active.
    await stack.remove(0);
    await house.untilKey('rsa', 'absent');
    await stack.insert(0);
    await house.untilKey('rsa', 'pin-needed');
    assert.equal((await house.key('any')).state, 'ready');
    assert.equal(await house.activate('rsa', cardPin), 'ready');
    house.batch('letters', 'again', 20);
    await house.untilDelivered('letters', 'again');
    assert.ok(((await house.proven('letters', 'again', 20))['rsa'] ?? 0) > 0);
  });
});
