import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cardPin } from '../support/pcsc.ts';
import { needs } from '../support/tools.ts';
import { until } from './house.ts';
import { ecCard, houseOf, insert, keyOf, rsaCard } from './pcsc-house.ts';

describe('real PC/SC: pcscd, vpcd and OpenSC with virtual PIV cards', needs('pcsc', 'opensc', 'openssl'), () => {
  for (const card of [rsaCard, ecCard])
    test(`${card.name}: PIN, a batch; pulled in the middle and put back: its PIN is needed, then the batch ends`, async (t) => {
      const stack = await insert(t, card);
      const house = houseOf(t, { keys: { card: keyOf(stack, 0) }, roots: { letters: ['card'] } });
      await house.daemon(t);
      await house.untilKey('card', 'pin-needed');
      const { state, certificate, reader, token } = await house.key('card');
      assert.deepEqual([state, certificate?.daysLeft, token?.serial], ['pin-needed', 729, stack.serial(0)]);
      assert.match(reader ?? '', /Virtual Reader/);
      const { status, stderr } = await house.run('key', 'activate', 'card', '--pin-file', house.pinFile(cardPin));
      assert.equal(status, 0, stderr);
      await stack.set(0, { delayMs: 200 });
      house.batch('letters', 'pulled', 40);
      await until('it signs', () => house.signed() > 4);
      await stack.remove(0);
      await house.untilKey('card', 'absent');
      assert.equal(house.delivered('letters', 'pulled'), false);
      await stack.insert(0);
      await stack.set(0, { delayMs: 0 });
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
    const stack = await insert(t, rsaCard, ecCard);
    const house = houseOf(t, {
      keys: {
        rsa: keyOf(stack, 0),
        any: { ...keyOf(stack, 1), key: {}, token: 'any', certificate: { subject: '*CN=P-256 card,*' } },
        nobody: { ...keyOf(stack, 1), key: {}, token: 'any', certificate: { subject: '*CN=Other*' } },
      },
      roots: { letters: ['rsa', 'any'] },
    });
    await house.daemon(t);
    for (const name of ['rsa', 'any']) await house.untilKey(name, 'pin-needed');
    for (const name of ['rsa', 'any']) assert.equal(await house.activate(name, cardPin), 'ready', name);
    assert.equal((await house.key('any')).token?.serial, stack.serial(1));
    assert.equal((await house.key('nobody')).state, 'absent');
    for (const card of [0, 1]) await stack.set(card, { delayMs: 60 });
    house.batch('letters', 'two', 40);
    await house.untilDelivered('letters', 'two');
    const made = await house.proven('letters', 'two', 40);
    assert.ok((made['rsa'] ?? 0) > 4 && (made['any'] ?? 0) > 4, JSON.stringify(made));

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

  test('pcscd is killed and comes back, first without its reader: absent, then the PIN is needed, then the batch ends', async (t) => {
    const stack = await insert(t, ecCard);
    const house = houseOf(t, { keys: { card: keyOf(stack, 0) }, roots: { letters: ['card'] } });
    await house.daemon(t);
    await house.untilKey('card', 'pin-needed');
    assert.equal(await house.activate('card', cardPin), 'ready');
    await stack.set(0, { delayMs: 300 });
    house.batch('letters', 'killed', 20);
    await until('it signs', () => house.signed() > 4);
    await stack.killPcscd();
    await until('the card is not usable', async () => (await house.key('card')).state !== 'ready');
    await stack.startPcscd(false);
    await house.untilKey('card', 'absent');
    await stack.killPcscd();
    await stack.startPcscd();
    await house.untilKey('card', 'pin-needed');
    assert.equal(await house.activate('card', cardPin), 'ready');
    await house.untilDelivered('letters', 'killed');
    assert.deepEqual(await house.proven('letters', 'killed', 20), { card: 20 });
    const { intents, signedTwice } = house.ledger();
    assert.deepEqual([intents.signed, intents.doubt, signedTwice], [20, 0, 0]);
  });

  test('when the program that started them is killed, pcscd and the cards end, and nothing of their namespaces is left', async (t) => {
    const holder = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', new URL('../vcard/holder.ts', import.meta.url).pathname],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.after(() => holder.kill('SIGKILL'));
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const { pid, directory } = JSON.parse(line.toString()) as { pid: number; directory: string };
    t.after(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    const family = descendants(pid);
    assert.ok(family.some((one) => commandOf(one).includes('pcscd')) && family.length >= 3, family.map(commandOf).join('\n'));
    holder.kill('SIGKILL');
    await until('all have ended', () => family.every((one) => !existsSync(`/proc/${one}`)));
  });
});

/** A process and all below it. */
function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(descendants)];
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
