import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writePkcs12 } from '../../src/formats/pkcs12.ts';
import { testAuthority } from '../support/authority.ts';
import { smtpServer } from '../support/smtp.ts';
import { softHsm, testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { eventsOf, expectedSignature, webhookReceiver } from '../support/webhook.ts';
import { Evaluation, until, type House } from './house.ts';

const secrets = { webhook: 'the secret of the webhook', passphrase: 'the passphrase of a key file' };

describe('a daemon tells people and programs what needs them', needs('softhsm', 'openssl'), () => {
  const evaluation = new Evaluation();
  const authority = testAuthority();
  const removals: (() => void)[] = [];
  const cleanup = (remove: () => void): void => {
    removals.push(remove);
  };
  before(async () => {
    await evaluation.init();
  });
  after(() => {
    for (const remove of removals.reverse()) remove();
    evaluation.remove();
  });

  /** Beside its own keys: one that waits for its PIN, one whose activation and certificate end soon, one that is missing, one that fails. */
  async function troubled(): Promise<House> {
    const house = evaluation.house();
    const hsm = softHsm(cleanup);
    const card = (token: string): object => ({
      source: 'pkcs11',
      module: hsm.module,
      environment: hsm.environment,
      token: { label: token },
    });
    for (const token of ['waiting', 'ending']) {
      const { privateKey, certificate } = authority.issue({ notAfter: Date.now() + (token === 'ending' ? 10 : 400) * 86_400_000 });
      hsm.importKey(hsm.createToken(token), { privateKey, certificate });
    }
    const { privateKey, chain } = authority.issue();
    const passphrase = Buffer.from('another passphrase');
    writeFileSync(
      join(house.directory, 'failing.p12'),
      await writePkcs12({ privateKey, certificates: chain, passphrase, random: randomBytes }),
    );
    for (const [name, secret] of Object.entries({ ...secrets, pin: testPin }))
      writeFileSync(join(house.directory, name), secret, { mode: 0o600 });
    const keys = {
      waiting: card('waiting'),
      ending: { ...card('ending'), pin: { file: './pin' }, maxHours: 0.9 },
      missing: card('missing'),
      failing: { source: 'pkcs12', file: './failing.p12', passphrase: { file: './passphrase' } },
    };
    house.edit((settings) => {
      for (const [name, key] of Object.entries(keys)) settings.setIn(['keys', name], key);
    });
    return house;
  }

  test('each thing once, on both channels, signed for the webhook, without a secret', async (t) => {
    const house = await troubled();
    const receiver = await webhookReceiver(cleanup);
    const mail = await smtpServer({ refuse: undefined }, cleanup);
    house.place('pdf', 'before', { 'letter.pdf': 'libreoffice.pdf' });
    assert.equal((await house.run('run', '--once')).status, 0);
    assert.equal((await house.run('archive', 'close')).status, 0);
    house.edit((settings) => {
      settings.setIn(['archive', 'renewBefore'], '20000d');
      settings.setIn(['notify'], {
        email: { host: '127.0.0.1', port: mail.port, security: 'none', from: 'sealtree@example.com', to: 'operators@example.com' },
        webhook: { url: receiver.url, secret: { file: './webhook' } },
      });
    });

    const daemon = await house.daemon(t);
    house.place('pdf', 'letters', { 'letter.pdf': 'libreoffice.pdf' });
    house.place('pdf', 'broken', { 'broken.pdf': 'no PDF at all' });
    const told = (): string[] =>
      receiver.deliveries.flatMap((one) => eventsOf(one).map(({ event, subject }) => `${event} ${subject}`)).sort();
    const expected = [
      'activationEnding key ending',
      'batchFailed root pdf',
      'cardFailing key failing unusable',
      'cardMissing key missing absent',
      'pinNeeded key waiting pin-needed',
      'renewalDue timestamps sha256 1',
    ];
    const arrived = (): boolean => expected.every((one) => told().includes(one)) && told().some((one) => one.startsWith('batchReady'));
    await until('all of it has arrived', arrived);
    const own = told().filter((one) => expected.includes(one));
    assert.deepEqual(own, expected, 'each once');
    const certificates = told().filter((one) => one.startsWith('certificateEnding'));
    assert.ok(certificates.includes('certificateEnding key ending'), certificates.join());
    const ready = receiver.deliveries.flatMap((one) => eventsOf(one).flatMap(({ batch }) => batch?.path ?? []));
    assert.deepEqual(ready, ['letters'], 'what was ready before the daemon started is no news');
    for (const delivery of receiver.deliveries)
      assert.equal(delivery.headers['webhook-signature'], expectedSignature(delivery, Buffer.from(secrets.webhook)));

    await until('people are told, too', () => mail.messages.join('').includes('sealtree archive renew'));
    const mails = mail.messages.join('').replaceAll('=\n', '');
    for (const text of ['key waiting', 'key missing', 'key failing', 'What to do']) assert.ok(mails.includes(text), `${text}: ${mails}`);
    assert.ok(!mails.includes('is ready'), mails);

    const { stdout, status } = await house.run('check', '--notify');
    assert.match(stdout, /✓ notify email: a test message was taken\n✓ notify webhook: a test message was taken\n/);
    assert.notEqual(status, 0, 'keys are missing');
    receiver.answer = 500;
    const refused = await house.run('check', '--notify');
    assert.match(refused.stdout, /✗ notify webhook: SEAL-NOTIFY the webhook answers with HTTP status 500 .*\n +hint: /);

    assert.equal(await daemon.stop(), 0);
    const everything = [daemon.log, stdout, ...mail.messages, ...receiver.deliveries.map(({ body }) => body.toString())].join('\n');
    for (const secret of [testPin, ...Object.values(secrets)]) assert.ok(!everything.includes(secret), secret);
  });
});
