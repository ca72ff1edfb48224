import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { memoryHits } from '../support/memory.ts';
import { cardPin, type PcscStack } from '../support/pcsc.ts';
import { needs } from '../support/tools.ts';
import { until } from './house.ts';
import type { Waiting } from './refusals.ts';
import { ecCard, houseOf, insert, keyOf, rsaCard } from './pcsc-house.ts';
import type { CardHouse } from './card-house.ts';

describe('real PC/SC: PINs', needs('pcsc', 'opensc', 'openssl'), () => {
  test('a person’s wrong PINs: each is sent once; the third locks the card, and the right one opens it no more', async (t) => {
    const stack = await insert(t, ecCard);
    const house = houseOf(t, { keys: { card: keyOf(stack, 0) }, roots: { letters: ['card'] } });
    await house.daemon(t);
    await house.untilKey('card', 'pin-needed');
    assert.equal(await house.activate('card', '111111'), 'SEAL-KEY-PIN-INCORRECT');
    house.batch('letters', 'waits', 1);
    await until('the batch waits', async () => (await house.ask<Waiting[]>('batch', 'list', '--state', 'waiting')).length === 1);
    assert.deepEqual(await tries(stack), [1, 2], 'the machine repeats nothing, whoever waits');
    assert.equal(await house.activate('card', '222222'), 'SEAL-KEY-PIN-INCORRECT');
    const { wrongPins, pin } = await house.key('card');
    assert.deepEqual([wrongPins, pin], [2, 'needed'], 'OpenSC does not tell what is left: we count ourselves');
    assert.equal(await house.activate('card', '333333'), 'SEAL-KEY-PIN-LOCKED');
    assert.equal((await house.key('card')).state, 'pin-locked');
    assert.notEqual(await house.activate('card', cardPin), 'ready');
    assert.deepEqual(await tries(stack), [3, 0]);
    assert.equal(house.delivered('letters', 'waits'), false);
  });

  test('a wrong configured PIN is tried once, not again after a restart; a person’s right one ends that', async (t) => {
    const stack = await insert(t, ecCard);
    const house = houseOf(t, { keys: { card: { ...keyOf(stack, 0), pin: { file: './pin' } } }, roots: { letters: ['card'] } });
    writeFileSync(join(house.directory, 'pin'), '999999', { mode: 0o600 });
    const daemon = await house.daemon(t);
    await until('it was refused', async () => (await house.key('card')).error?.code === 'SEAL-KEY-PIN-INCORRECT');
    await daemon.stop();
    await house.daemon(t);
    await house.untilKey('card', 'pin-needed');
    await stack.remove(0);
    await house.untilKey('card', 'absent');
    await stack.insert(0);
    await house.untilKey('card', 'pin-needed');
    assert.deepEqual(await tries(stack), [1, 2]);
    assert.equal(await house.activate('card', cardPin), 'ready');
    assert.deepEqual(await tries(stack), [2, 3]);
  });

  test('an individual card gets its configured PIN for each signature', async (t) => {
    const stack = await insert(t, rsaCard);
    const house = houseOf(t, { keys: { card: { ...keyOf(stack, 0, '02'), pin: { file: './pin' } } }, roots: { letters: ['card'] } });
    writeFileSync(join(house.directory, 'pin'), cardPin, { mode: 0o600 });
    await house.daemon(t);
    await house.untilKey('card', 'ready');
    const before = await stack.statistics(0);
    house.batch('letters', 'each', 6);
    await house.untilDelivered('letters', 'each');
    assert.deepEqual(await house.proven('letters', 'each', 6), { card: 6 });
    const after = await stack.statistics(0);
    assert.deepEqual([after.sign, after.verify - before.verify], [6, 6]);
  });

  test('no other process signs with a card that is active here, and none of ours keeps its PIN', async (t) => {
    // One that stands nowhere by chance.
    const pin = '73915406';
    const stack = await insert(t, { ...ecCard, settings: { pin } });
    const house = houseOf(t, { keys: { card: keyOf(stack, 0) }, roots: { letters: ['card'] } });
    const daemon = await house.daemon(t);
    await house.untilKey('card', 'pin-needed');
    assert.equal(await house.activate('card', pin), 'ready');
    house.batch('letters', 'before', 3);
    await house.untilDelivered('letters', 'before');
    const { sign } = await stack.statistics(0);
    // It waits for a lock that nobody gives up.
    assert.equal(await foreignSignature(stack, house, 5), 'none');
    assert.equal((await stack.statistics(0)).sign, sign);

    const conf = readdirSync(join(house.directory, 'data/run')).filter((name) => name.endsWith('.conf'));
    assert.ok(
      conf.length > 0 &&
        conf.every((name) => /use_pin_caching = false/.test(readFileSync(join(house.directory, 'data/run', name), 'latin1'))),
    );
    const pids = [...daemon.log.matchAll(/"pid":(\d+),"library"/g)].map(([, pid]) => Number(pid));
    assert.ok(pids.length > 0, 'the log tells the card process');
    for (const pid of [...pids, daemon.pid]) {
      const { bytes, hits } = memoryHits(pid, Buffer.from(pin));
      assert.ok(bytes > 10_000_000, 'memory could be read');
      assert.deepEqual(hits, [], pid === daemon.pid ? 'daemon' : 'card process');
    }

    // The same program can, where the lock is not set: what was tried above does tell something.
    await house.deactivate('card');
    await daemon.stop();
    const open = houseOf(t, {
      keys: { card: { ...keyOf(stack, 0), environment: { ...stack.environment, OPENSC_CONF: join(house.directory, 'open.conf') } } },
      roots: { letters: ['card'] },
    });
    writeFileSync(join(house.directory, 'open.conf'), 'app opensc-pkcs11 {\n  pkcs11 {\n    lock_login = false;\n  }\n}\n');
    await open.daemon(t);
    assert.equal(await open.activate('card', pin), 'ready');
    assert.equal(await foreignSignature(stack, house, 60), 'signed');
  });
});

/** PINs entered, tries left: as the card itself counts. */
async function tries(stack: PcscStack): Promise<[number, number]> {
  const { verify, triesLeft } = await stack.statistics(0);
  return [verify, triesLeft];
}

/** Other programs of this user ask the card for a signature without a PIN: through PKCS#11, and with bare commands over PC/SC. @param seconds each may take */
async function foreignSignature(stack: PcscStack, house: CardHouse, seconds: number): Promise<'signed' | 'none'> {
  const input = join(house.directory, 'hash');
  const hash = Buffer.alloc(32, 1);
  writeFileSync(input, hash);
  const before = (await stack.statistics(0)).sign;
  const ask = [
    '--module',
    stack.module,
    '--sign',
    '--id',
    '01',
    '--mechanism',
    'ECDSA',
    '--input-file',
    input,
    '--output-file',
    `${input}.sig`,
  ];
  const select = '00A4040009A00000030800001000';
  // GENERAL AUTHENTICATE, ECC P-256, key 9A (SP 800-73-4 Part 2 §3.2.4)
  const authenticate = `0087119A267C2482008120${hash.toString('hex')}00`;
  await foreign('pkcs11-tool', ask, stack, seconds);
  await foreign('opensc-tool', ['--send-apdu', select, '--send-apdu', authenticate], stack, seconds);
  return (await stack.statistics(0)).sign > before ? 'signed' : 'none';
}

/** Ended after a while: it may wait for the card. */
async function foreign(program: string, args: readonly string[], { environment }: PcscStack, seconds: number): Promise<void> {
  const options = { env: { ...process.env, ...environment }, timeout: seconds * 1_000, killSignal: 'SIGKILL' as const };
  await promisify(execFile)(program, args, options).catch(() => undefined);
}
