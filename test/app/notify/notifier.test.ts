import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { suite, test } from 'node:test';
import { channels, type Channel } from '../../../src/app/notify/channels.ts';
import { toTell, type Told } from '../../../src/app/notify/ledger.ts';
import { jsonOf, subjectOf, textOf, type Notification } from '../../../src/app/notify/message.ts';
import { Notifier } from '../../../src/app/notify/notifier.ts';
import { status, type StatusReport } from '../../../src/app/status.ts';
import { httpClient } from '../../../src/effects/http.ts';
import { SealError } from '../../../src/errors.ts';
import { notifyEvents } from '../../../src/model/notify.ts';
import { ServiceHouse } from '../../support/service.ts';
import type { Condition } from '../../../src/app/notify/conditions.ts';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

const hour = 3_600_000;
const pin: Condition = {
  event: 'pinNeeded',
  subject: 'key card',
  mark: '',
  message: 'key card: the card waits for its PIN',
  hint: 'enter it',
};

/** A channel that remembers, and fails as often as it is told to. */
class Spy implements Channel {
  readonly name = 'email';
  readonly sent: Notification[] = [];
  attempts = 0;
  failures: SealError[] = [];
  send(notification: Notification): Promise<void> {
    this.attempts++;
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    this.sent.push(notification);
    return Promise.resolve();
  }
  probe(): Promise<void> {
    return Promise.resolve();
  }
}

async function notifying(t: TestContext, house: ServiceHouse, spy: Spy): Promise<Notifier> {
  const service = await house.service();
  const report = async (): Promise<StatusReport> => await status(service.app, await service.live());
  const parts = { config: { events: notifyEvents }, channels: [spy], source: '/etc/sealtree/roots.yaml', status: report };
  const notifier = new Notifier(house.fx, parts);
  await notifier.start();
  t.after(() => notifier.stop());
  return notifier;
}

const settled = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
};

suite('what was told is not told again', () => {
  test('once while it lasts; an hour at the earliest when it changes or comes back; of each subject by itself', () => {
    const first = toTell([pin], new Map<string, Told>(), 0);
    assert.deepEqual(first.due, [pin]);
    assert.deepEqual(toTell([pin], first.ledger, 5 * hour).due, []);
    const other = { ...pin, subject: 'key other' };
    assert.deepEqual(toTell([pin, other], first.ledger, 1).due, [other]);
    const gone = toTell([], first.ledger, 60_000);
    assert.deepEqual(toTell([pin], gone.ledger, 120_000).due, [], 'it came back within the hour');
    assert.deepEqual(toTell([pin], toTell([pin], gone.ledger, 120_000).ledger, hour).due, [pin], 'and it is still there after it');
    const changed = { ...pin, mark: 'worse' };
    assert.deepEqual([toTell([changed], first.ledger, 1).due.length, toTell([changed], first.ledger, hour).due.length], [0, 1]);
    assert.equal(toTell([], gone.ledger, 2 * hour).ledger.size, 0, 'forgotten');
    assert.deepEqual(toTell([changed], first.ledger, -hour).due, [changed], 'a clock that was set back silences nothing');
  });
});

suite('notifications', () => {
  test('a card that is pulled: one message, tried again with growing pauses, remembered over a restart', async (t) => {
    const house = await ServiceHouse.open(t);
    const spy = new Spy();
    spy.failures = [new SealError('SEAL-NOTIFY', 'down'), new SealError('SEAL-NOTIFY', 'down')];
    const notifier = await notifying(t, house, spy);
    await notifier.look();
    house.key.pull();
    await notifier.look();
    assert.equal(spy.attempts, 0, 'what shows up once may be gone at once');
    await notifier.look();
    await settled();
    assert.deepEqual([spy.attempts, spy.sent.length], [1, 0]);
    await house.clock.advance(30_000);
    await settled();
    assert.equal(spy.attempts, 2);
    await house.clock.advance(60_000);
    await house.until('it is delivered', () => spy.sent.length === 1);
    const [{ conditions } = { conditions: [] }] = spy.sent;
    assert.deepEqual(
      conditions.map(({ event }) => event),
      ['cardMissing'],
    );
    await house.until('it is written down', async () => ((await house.fx.store.meta('notify.told')) ?? '').includes('cardMissing'));

    await notifier.stop();
    const after = new Spy();
    const next = await notifying(t, house, after);
    await next.look();
    await next.look();
    await settled();
    assert.equal(after.attempts, 0);
  });

  test('a refusal for good is given up and told in the log', async (t) => {
    const house = await ServiceHouse.open(t);
    const spy = new Spy();
    spy.failures = [new SealError('SEAL-NOTIFY', 'no such user', { retryable: false })];
    const notifier = await notifying(t, house, spy);
    house.key.pull();
    await notifier.look();
    await notifier.look();
    await house.until('given up', () => house.log.lines.some(({ message }) => message === 'notification given up'));
    await house.clock.advance(2 * hour);
    assert.equal(spy.attempts, 1);
  });

  test('the text says what and what to do; subject lines hold no line breaks', () => {
    const notification = { id: 'msg_1', at: 0, source: '/x', conditions: [{ ...pin, message: 'a\r\nBcc: x' }, pin] };
    assert.equal(subjectOf(notification), 'Sealtree: a Bcc: x (and 1 more)');
    assert.match(textOf(notification), /waits for its PIN\n {2}What to do: enter it/);
  });
});

test('webhook: JSON with a signature that a receiver can check; 4xx is final, 5xx is not', async (t) => {
  const secret = Buffer.from('webhook secret');
  const requests: { readonly headers: IncomingHttpHeaders; readonly body: Buffer }[] = [];
  let answer = 204;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const house = await ServiceHouse.open(t);
  const config = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, secret: { env: 'X' }, timeout: 5_000 };
  const fx = { ...house.fx, http: httpClient(), readSecret: () => Buffer.from(secret) };
  const [webhook] = channels({ events: notifyEvents, webhook: config }, fx);
  assert.ok(webhook);
  const notification = { id: 'msg_1', at: house.clock.now(), source: '/x', conditions: [pin] };
  const { signal } = new AbortController();
  await webhook.send(notification, signal);
  const [{ headers, body } = { headers: {} as IncomingHttpHeaders, body: Buffer.alloc(0) }] = requests;
  assert.deepEqual(body, jsonOf(notification));
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body.toString()}`;
  assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  assert.deepEqual((JSON.parse(body.toString()) as { data: { events: unknown[] } }).data.events, [
    { event: 'pinNeeded', subject: 'key card', message: pin.message, hint: 'enter it' },
  ]);
  for (const [code, retryable] of [
    [404, false],
    [503, true],
    [429, true],
  ] as const) {
    answer = code;
    await assert.rejects(webhook.send(notification, signal), (error) => error instanceof SealError && error.retryable === retryable);
  }
  await webhook.probe(signal);
});
