import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { smtpMail } from '../../src/effects/mail.ts';
import { SealError } from '../../src/errors.ts';
import { smtpServer } from '../support/smtp.ts';
import { needs } from '../support/tools.ts';
import type { MailMessage, MailServer } from '../../src/ports/mail.ts';

const directory = mkdtempSync(join(tmpdir(), 'sealtree-mail-'));
after(() => {
  rmSync(directory, { recursive: true });
});
const message: MailMessage = {
  from: 'a@example.com',
  to: ['b@example.com', 'c@example.com'],
  subject: 'Grüße',
  text: 'one\n.\ntwo\n',
  id: 'm1@x',
};
const { signal } = new AbortController();
const plain = (port: number): MailServer => ({ host: '127.0.0.1', port, security: 'none', timeout: 60_000 });

function refusal(retryable: boolean): (error: unknown) => boolean {
  return (error) => error instanceof SealError && error.code === 'SEAL-NOTIFY' && error.retryable === retryable;
}

function certificate(): { readonly key: string; readonly cert: string } {
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

suite('mail', () => {
  test('a message arrives whole, with its id, for all who were named', async (t) => {
    const server = await smtpServer({ refuse: undefined }, (end) => {
      t.after(end);
    });
    await smtpMail().send(plain(server.port), message, signal);
    const [text = ''] = server.messages;
    assert.match(text, /^Message-ID: <m1@x>$/m);
    assert.match(text, /^Subject: =\?UTF-8\?/m);
    assert.match(text, /one\n\.\.?\ntwo/);
    assert.equal(server.seen.filter(({ command }) => command.startsWith('RCPT')).length, 2);
  });

  test('STARTTLS: login and message only over TLS, only with a server that the authority vouches for', needs('openssl'), async (t) => {
    const tls = certificate();
    const server = await smtpServer({ tls, login: { user: 'me', password: 'p:ä' }, refuse: undefined }, (end) => {
      t.after(end);
    });
    const credentials = { user: 'me', password: Buffer.from('p:ä') };
    const secured: MailServer = { ...plain(server.port), host: 'localhost', security: 'starttls', credentials, ca: Buffer.from(tls.cert) };
    await smtpMail().send(secured, message, signal);
    assert.equal(server.messages.length, 1);
    const clear = server.seen.filter(({ secure }) => !secure).map(({ command }) => command.split(' ')[0]);
    assert.deepEqual(clear, ['EHLO', 'STARTTLS']);
    await smtpMail().verify(secured, signal);
    await assert.rejects(
      smtpMail().send({ ...secured, credentials: { user: 'me', password: Buffer.from('wrong') } }, message, signal),
      refusal(false),
    );
    await assert.rejects(
      smtpMail().send({ ...plain(server.port), host: 'localhost', security: 'starttls', credentials }, message, signal),
      refusal(true),
    );
    assert.equal(server.messages.length, 1);
  });

  test('a server without STARTTLS is not trusted; “later” may be repeated, “never” not; one that says nothing costs its time', async (t) => {
    const options = { refuse: undefined as string | undefined };
    const server = await smtpServer(options, (end) => {
      t.after(end);
    });
    await assert.rejects(smtpMail().send({ ...plain(server.port), security: 'starttls' }, message, signal), refusal(true));
    options.refuse = '451 later';
    await assert.rejects(smtpMail().send(plain(server.port), message, signal), refusal(true));
    options.refuse = '550 never';
    await assert.rejects(smtpMail().send(plain(server.port), message, signal), refusal(false));
    assert.equal(server.messages.length, 0);
    const mute = await smtpServer({ refuse: undefined, mute: true }, (end) => {
      t.after(end);
    });
    await assert.rejects(smtpMail().send({ ...plain(mute.port), timeout: 200 }, message, signal), refusal(true));
  });

  test('whoever waits for it may stop it: a server that says nothing holds nobody', async (t) => {
    const mute = await smtpServer({ refuse: undefined, mute: true }, (end) => {
      t.after(end);
    });
    const stop = new AbortController();
    const reason = new Error('the daemon stops');
    const both = [smtpMail().send(plain(mute.port), message, stop.signal), smtpMail().verify(plain(mute.port), stop.signal)];
    await mute.connections(2);
    stop.abort(reason);
    for (const one of both) await assert.rejects(one, reason);
  });

  test('a server that says a little now and then is left at last', async (t) => {
    const slow = await smtpServer({ refuse: undefined, drip: 50 }, (end) => {
      t.after(end);
    });
    await assert.rejects(smtpMail().send({ ...plain(slow.port), timeout: 200 }, message, signal), refusal(true));
  });
});
