import assert from 'node:assert/strict';
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
import { eventsOf, expectedSignature, webhookReceiver } from '../../support/webhook.ts';
import { conditions, type Condition } from '../../../src/app/notify/conditions.ts';
import type { DueView } from '../../../src/app/archive-due.ts';
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
  readonly name;
  readonly events = notifyEvents;
  readonly sent: Notification[] = [];
  attempts = 0;
  failures: SealError[] = [];
  constructor(name: Channel['name'] = 'email') {
    this.name = name;
  }
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

async function notifying(t: TestContext, house: ServiceHouse, ...channels: readonly Spy[]): Promise<Notifier> {
  const service = await house.service();
  const report = async (): Promise<StatusReport> => await status(service.app, await service.live());
  const parts = { channels, roots: Object.keys(house.config.roots), source: '/etc/sealtree/roots.yaml', status: report };
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

suite('what is told', () => {
  const nothing: Parameters<typeof conditions>[0] = {
    ...{ keys: [], failed: [], tsas: [], roots: [], disks: [] },
    archive: { sealed: [], nextClosing: '', due: [] },
  };
  const due = (changes: Partial<DueView>): DueView => ({
    ...{ kind: 'timestamps', digest: 'sha256', record: 1, state: 'due', reason: 'the certificates of tsa end', chains: 1 },
    ...{
      ends: '2027-01-20T00:00:00Z',
      from: '2026-07-20T00:00:00Z',
      first: '2026-11-22.1',
      last: '2026-11-22.1',
      command: 'sealtree archive renew --timestamps',
    },
    ...changes,
  });

  test('renewals that are due: of each kind what ends first, again at 60, 30, 14, 7 and 1 days', () => {
    const archive = { ...nothing.archive, due: [due({}), due({ ends: '2027-03-01T00:00:00Z', chains: 3 }), due({ kind: 'hash-tree' })] };
    const at = (time: string): Condition[] => conditions({ ...nothing, archive }, Date.parse(time));
    assert.deepEqual(
      at('2026-11-22T00:00:00Z').map(({ event, subject, message, hint }) => [event, subject, message, hint]),
      [
        [
          ...['renewalDue', 'timestamps sha256 1'],
          'the timestamps of tree 2026-11-22.1 must be renewed before 2027-01-20: the certificates of tsa end; 1 more',
          '“sealtree archive renew --timestamps”',
        ],
        [
          ...['renewalDue', 'hash trees sha256 1'],
          'the hash trees of tree 2026-11-22.1 must be renewed before 2027-01-20: the certificates of tsa end',
          '“sealtree archive renew --timestamps”',
        ],
      ],
    );
    const marks = ['2026-11-01', '2026-11-20', '2026-11-22', '2026-12-20', '2026-12-22', '2027-01-21'].map(
      (date) => at(`${date}T00:00:00Z`)[0]?.mark,
    );
    assert.deepEqual(
      marks.map((mark, index) => index > 0 && mark === marks[index - 1]),
      [false, true, false, true, false, false],
    );
  });
});

suite('notifications', () => {
  test('each batch that is ready is told once on each channel that wants it, over restarts; one that is down delays no other', async (t) => {
    const house = await ServiceHouse.open(t);
    const service = await house.service();
    const deliver = async (path: string): Promise<void> => {
      house.place(path, { 'x.txt': path });
      await house.reaches((await house.take(service, path)).id, 'delivered');
    };
    const told = async (notifier: Notifier, holds: () => boolean): Promise<void> => {
      await house.until('told', async () => {
        await notifier.look();
        await settled();
        return holds();
      });
    };
    const paths = (spy: Spy): (string | undefined)[] => spy.sent.flatMap(({ conditions }) => conditions.map(({ batch }) => batch?.path));
    await deliver('before');
    const [email, webhook] = [new Spy(), new Spy('webhook')];
    email.failures = [new SealError('SEAL-NOTIFY', 'down')];
    const notifier = await notifying(t, house, email, webhook);
    await deliver('a');
    await deliver('b');
    await told(notifier, () => webhook.sent.length === 1);
    await deliver('c');
    await told(notifier, () => webhook.sent.length === 2 && email.attempts === 1);
    assert.deepEqual([paths(webhook), paths(email)], [['a', 'b', 'c'], []]);
    assert.deepEqual(
      notifier.problems.map(({ channel, waiting, error }) => [channel, waiting, error.message]),
      [['email', 1, 'down']],
    );
    await notifier.stop();

    const [later, nothing] = [new Spy(), new Spy('webhook')];
    const next = await notifying(t, house, later, nothing);
    await told(next, () => later.sent.length === 1);
    await deliver('d');
    await told(next, () => nothing.sent.length === 1);
    assert.deepEqual([paths(later), paths(nothing)], [['a', 'b', 'c'], ['d']]);
    await next.look();
    await house.clock.advance(600_000);
    await house.until('people hear of the next ten minutes later', () => later.sent.length === 2);
    assert.deepEqual(paths(later), ['a', 'b', 'c', 'd']);
    assert.match(later.sent[0]?.conditions[0]?.message ?? '', /^root letters: a is ready \(1 document, batch /);
    assert.equal(nothing.sent.length, 1, 'nothing is told twice');
  });

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

test('webhook: JSON with a signature that a receiver can check; 4xx is final, 5xx is not; nobody sees path or query of its address', async (t) => {
  const secret = Buffer.from('webhook secret');
  const receiver = await webhookReceiver((end) => {
    t.after(end);
  });
  const house = await ServiceHouse.open(t);
  const { origin } = new URL(receiver.url);
  const config = { events: notifyEvents, url: `${receiver.url}?token=t0psecret`, secret: { env: 'X' }, timeout: 5_000 };
  const fx = { ...house.fx, http: httpClient(), readSecret: () => Buffer.from(secret) };
  const [webhook] = channels({ webhook: config }, fx);
  assert.ok(webhook);
  const notification = { id: 'msg_1', at: house.clock.now(), source: '/x', conditions: [pin] };
  const { signal } = new AbortController();
  await webhook.send(notification, signal);
  const [delivery] = receiver.deliveries;
  assert.ok(delivery !== undefined);
  assert.deepEqual(delivery.body, jsonOf(notification));
  assert.equal(delivery.headers['webhook-signature'], expectedSignature(delivery, secret));
  assert.deepEqual(eventsOf(delivery), [{ event: 'pinNeeded', subject: 'key card', message: pin.message, hint: 'enter it' }]);
  for (const [code, retryable] of [
    [301, false],
    [404, false],
    [503, true],
    [429, true],
  ] as const) {
    receiver.answer = code;
    await assert.rejects(webhook.send(notification, signal), (error) => {
      assert.ok(error instanceof SealError);
      assert.deepEqual([error.retryable, error.where], [retryable, origin]);
      return true;
    });
  }
  await webhook.probe(signal);
});
