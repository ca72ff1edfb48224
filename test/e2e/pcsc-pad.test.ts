import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cardPin } from '../support/pcsc.ts';
import { pinPad, type PinPad } from '../support/pin-pad.ts';
import { without } from '../support/without-module.ts';
import { needs } from '../support/tools.ts';
import { until } from './house.ts';
import { houseOf, insert, keyOf, rsaCard } from './pcsc-house.ts';
import type { TestContext } from 'node:test';
import type { PcscStack } from '../support/pcsc.ts';
import type { CardHouse } from './card-house.ts';

interface Desk {
  readonly stack: PcscStack;
  readonly pad: PinPad;
  readonly house: CardHouse;
}

describe('OpenSC with a reader that has a pad', needs('pcsc', 'opensc', 'openssl', 'gcc'), () => {
  /** @param id 01: PIN once, 02: PIN for each signature */
  const desk = async (t: TestContext, id: '01' | '02', environment: Readonly<Record<string, string>> = {}): Promise<Desk> => {
    const stack = await insert(t, rsaCard);
    const pad = pinPad(stack);
    const key = { ...keyOf(stack, 0, id), environment: { ...pad.environment, ...environment } };
    const house = houseOf(t, { keys: { card: id === '01' ? key : { ...key, kind: 'individual' } }, roots: { letters: ['card'] } });
    await house.daemon(t);
    return { stack, pad, house };
  };
  const pinsSeen = async ({ stack }: Desk): Promise<[number, number]> => {
    const { verify, triesLeft } = await stack.statistics(0);
    return [verify, triesLeft];
  };

  test('the person enters the PIN there; cancelled and wrong entries are told apart, and the card counts only the wrong one', async (t) => {
    const it = await desk(t, '01');
    const { pad, house } = it;
    await house.untilKey('card', 'pin-needed');
    assert.equal((await house.key('card')).pinPad, true);
    pad.types('cancelled', '999999', cardPin);
    const cancelled = await house.run('key', 'activate', 'card');
    assert.equal(cancelled.status, 75, cancelled.stderr);
    assert.match(cancelled.stderr, /PIN entry was cancelled/);
    assert.deepEqual(await pinsSeen(it), [0, 3]);
    assert.equal((await house.key('card')).wrongPins, undefined);
    assert.equal(await house.activateAtReader('card'), 'SEAL-KEY-PIN-INCORRECT');
    assert.deepEqual(await pinsSeen(it), [1, 2]);
    assert.equal((await house.key('card')).wrongPins, 1);
    const made = await house.run('key', 'activate', 'card');
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stderr, /^enter the PIN of card on the reader: \S/m);
    house.batch('letters', 'three', 3);
    await house.untilDelivered('letters', 'three');
    assert.deepEqual(await house.proven('letters', 'three', 3), { card: 3 });
    assert.deepEqual(pad.entries(), ['cancelled', 'entered', 'entered']);
    assert.deepEqual(await pinsSeen(it), [2, 3]);
    const csr = await house.run('key', 'csr', 'card', '--subject', 'CN=card');
    assert.equal(csr.status, 0, csr.stderr);
    assert.match(csr.stdout, /BEGIN CERTIFICATE REQUEST/);
    assert.equal(pad.entries().length, 4);
  });

  test('a card that demands its PIN for each signature: the one for the signature is entered there too, and may be cancelled', async (t) => {
    const it = await desk(t, '02');
    const { pad, house } = it;
    house.batch('letters', 'one', 1);
    pad.types(cardPin, 'cancelled', cardPin);
    const waits = async (): Promise<string> => {
      await until('a document waits', async () => (await house.key('card')).waiting !== undefined);
      return (await house.key('card')).waiting?.sha256 ?? '';
    };
    const sha256 = await waits();
    const cancelled = await house.run('key', 'activate', 'card');
    assert.equal(cancelled.status, 75, cancelled.stderr);
    assert.match(cancelled.stderr, /PIN entry was cancelled/);
    assert.deepEqual(await pinsSeen(it), [1, 3]);
    assert.equal(await waits(), sha256);
    const made = await house.run('key', 'activate', 'card');
    assert.equal(made.status, 0, made.stderr);
    await house.untilDelivered('letters', 'one');
    assert.deepEqual(await house.proven('letters', 'one', 1), { card: 1 });
    assert.deepEqual(pad.entries(), ['entered', 'cancelled', 'entered', 'entered']);
  });

  test('without koffi the PIN is asked on the terminal, with the reason; an empty one is refused before the card counts it', async (t) => {
    const it = await desk(t, '01', without('koffi'));
    const { pad, house } = it;
    pad.types(cardPin);
    await house.untilKey('card', 'pin-needed');
    const { pinPad: shown, error } = await house.key('card');
    assert.equal(shown, undefined);
    assert.match(error?.hint ?? '', /the pad of the reader is not used \(OpenSC needs the package koffi/);
    assert.equal(await house.activateAtReader('card'), 'SEAL-USAGE');
    assert.deepEqual(await pinsSeen(it), [0, 3]);
    const made = await house.run('key', 'activate', 'card', '--pin-file', house.pinFile(cardPin));
    assert.equal(made.status, 0, made.stderr);
    house.batch('letters', 'three', 3);
    await house.untilDelivered('letters', 'three');
    assert.deepEqual(await house.proven('letters', 'three', 3), { card: 3 });
    assert.deepEqual(pad.entries(), []);
  });
});
