import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { httpClient } from '../../../src/effects/http.ts';
import { smtpMail } from '../../../src/effects/mail.ts';
import { notifyEvents, type NotifyConfig } from '../../../src/model/notify.ts';
import { daemonOf, type TestDaemon } from '../../support/daemon.ts';
import { ServiceHouse } from '../../support/service.ts';
import { smtpServer, type SmtpOptions } from '../../support/smtp.ts';
import { eventsOf, webhookReceiver } from '../../support/webhook.ts';

const people = notifyEvents.filter((event) => event !== 'batchReady');

function email(port: number): NonNullable<NotifyConfig['email']> {
  const addresses = { from: 'sealtree@example.com', to: ['operators@example.com'] };
  return { ...addresses, events: people, host: '127.0.0.1', port, security: 'none', timeout: 60_000 };
}

function webhook(url: string): NonNullable<NotifyConfig['webhook']> {
  return { events: notifyEvents, url, secret: { env: 'X' }, timeout: 60_000 };
}

async function mailServer(t: TestContext, options: Partial<SmtpOptions> = {}): ReturnType<typeof smtpServer> {
  return await smtpServer({ refuse: undefined, ...options }, (end) => {
    t.after(end);
  });
}

async function telling(t: TestContext, house: ServiceHouse, notify: NotifyConfig): Promise<TestDaemon> {
  return await daemonOf(t, house, {}, { ...house.config, notify }, { http: httpClient(), mail: smtpMail() });
}

/** Moves the clock until something holds. */
async function until(house: ServiceHouse, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await house.until(what, async () => {
    await house.clock.advance(500);
    return await holds();
  });
}

suite('a daemon that tells people', () => {
  test('a receiver that takes the message and says nothing delays no signature and no stop', async (t) => {
    const house = await ServiceHouse.open(t);
    const mute = await mailServer(t, { mute: true });
    const receiver = await webhookReceiver((end) => {
      t.after(end);
    });
    receiver.answer = 'never';
    const daemon = await telling(t, house, { email: email(mute.port), webhook: webhook(receiver.url) });
    house.place('first', { 'x.txt': 'x' });
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'first/READY')));
    await until(house, 'the webhook is asked', () => receiver.deliveries.length === 1);
    house.key.pull();
    await Promise.all([mute.connections(1), until(house, 'the card is missed', () => receiver.deliveries.length === 2)]);
    house.key.insert();
    house.place('second', { 'x.txt': 'y' });
    await until(house, 'delivered', async () => (await house.fx.store.batches({ states: ['delivered'] })).length === 2);
    const outcome = await daemon.stop();
    assert.equal(outcome.delivered, 2);
  });

  test('a receiver that is down is tried again and named by status; then each thing arrives once', async (t) => {
    const house = await ServiceHouse.open(t);
    const server = await mailServer(t);
    const receiver = await webhookReceiver((end) => {
      t.after(end);
    });
    receiver.answer = 503;
    const daemon = await telling(t, house, { email: email(server.port), webhook: webhook(receiver.url) });
    house.place('day/a', { 'x.txt': 'x' });
    await until(house, 'delivered', () => existsSync(join(house.root.outgoing, 'day/a/READY')));
    house.key.pull();
    const problem = async (): Promise<string | undefined> =>
      (await daemon.status()).attention.find((line) => line.startsWith('notify webhook: nothing has arrived since '));
    await until(house, 'status says it', async () => (await problem())?.includes('2 messages are tried again') === true);
    assert.match((await problem()) ?? '', /: the webhook answers with HTTP status 503 \(look at /);
    await until(house, 'people hear of the card, not of the batch', () => server.messages.length === 1);
    assert.match(server.messages[0] ?? '', /^Subject: Sealtree: key key: .*$/m);

    receiver.answer = 204;
    const before = receiver.deliveries.length;
    await until(house, 'both have arrived', async () => (await problem()) === undefined && receiver.deliveries.length >= before + 2);
    const arrived = receiver.deliveries.slice(before);
    assert.deepEqual(arrived.flatMap((delivery) => eventsOf(delivery).map(({ event, batch }) => [event, batch?.path ?? ''])).sort(), [
      ['batchReady', 'day/a'],
      ['cardMissing', ''],
    ]);
    const ids = new Set(receiver.deliveries.map(({ headers }) => headers['webhook-id']));
    assert.equal(ids.size, 2, 'each attempt has the id of its message');
    await house.clock.advance(120_000);
    assert.deepEqual([receiver.deliveries.length, server.messages.length], [before + 2, 1]);
  });
});
