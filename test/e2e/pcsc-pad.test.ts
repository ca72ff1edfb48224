import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cardPin } from '../support/pcsc.ts';
import { pinPad } from '../support/pin-pad.ts';
import { needs } from '../support/tools.ts';
import { houseOf, insert, keyOf, rsaCard } from './pcsc-house.ts';

// pkcs11js cannot pass the NULL that would start the pad, and OpenSC sends an empty PIN to the card: docs/decisions/0016.
describe('OpenSC with a reader that has a pad', needs('pcsc', 'opensc', 'openssl', 'gcc'), () => {
  test('the PIN is asked on the terminal; a PIN at the reader is refused before the card counts a wrong one', async (t) => {
    const stack = await insert(t, rsaCard);
    const pad = pinPad(stack, cardPin);
    const house = houseOf(t, { keys: { card: { ...keyOf(stack, 0), environment: pad.environment } }, roots: { letters: ['card'] } });
    await house.daemon(t);
    await house.untilKey('card', 'pin-needed');
    assert.equal((await house.key('card')).pinPad, undefined);
    assert.equal(await house.activateAtReader('card'), 'SEAL-USAGE');
    const { verify, triesLeft } = await stack.statistics(0);
    assert.deepEqual([verify, triesLeft], [0, 3]);
    const made = await house.run('key', 'activate', 'card', '--pin-file', house.pinFile(cardPin));
    assert.equal(made.status, 0, made.stderr);
    house.batch('letters', 'three', 3);
    await house.untilDelivered('letters', 'three');
    assert.deepEqual(await house.proven('letters', 'three', 3), { card: 3 });
    assert.deepEqual(pad.entries(), []);
  });
});
