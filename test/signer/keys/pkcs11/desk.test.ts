import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SigningDesk } from '../../../../src/signer/keys/pkcs11/desk.ts';
import { ManualClock } from '../../../support/clock.ts';

const document = { name: 'a.pdf', digest: Buffer.alloc(32, 1) };
const { signal } = new AbortController();

test('a PIN that was taken for a signature stays whole, however long the card is busy with something else', async () => {
  const clock = new ManualClock();
  const desk = new SigningDesk('card', clock, () => undefined);
  const shown = desk.wait(document, 120_000, signal);
  const given = desk.give(Buffer.from('1234'), document.digest);
  await shown;
  const taken = desk.take();
  await clock.advance(60_000);
  assert.equal(taken?.pin.toString(), '1234');
  taken.signed();
  await given;
  assert.deepEqual(taken.pin, Buffer.alloc(4));
});

test('a PIN that nobody takes is forgotten', async () => {
  const clock = new ManualClock();
  const desk = new SigningDesk('card', clock, () => undefined);
  const shown = desk.wait(document, 120_000, signal);
  const pin = Buffer.from('1234');
  const given = assert.rejects(desk.give(pin, document.digest), { code: 'SEAL-INTERRUPTED' });
  await shown;
  await clock.advance(30_000);
  await given;
  assert.deepEqual(pin, Buffer.alloc(4));
  assert.equal(desk.take(), undefined);
});
