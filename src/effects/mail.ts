import { once } from 'node:events';
import { SealError } from '../errors.ts';
import type { Mail, MailServer } from '../ports/mail.ts';

/** Mail through an SMTP server; the library is loaded when the first message is sent. */
export function smtpMail(): Mail {
  return {
    send: async (server, { from, to, subject, text, id }, signal) => {
      await withTransport(server, signal, async (transport, limit) => {
        await transport.sendMail({ from, to: [...to], subject, text, messageId: `<${id}>`, signal: limit });
      });
    },
    verify: async (server, signal) => {
      await withTransport(server, signal, async (transport, limit) => {
        await Promise.race([transport.verify(), aborted(limit)]);
      });
    },
  };
}

/** Steps that a conversation may take in all: a server that says a little now and then would hold it for ever. */
const steps = 4;

async function withTransport(
  server: MailServer,
  signal: AbortSignal,
  use: (transport: Awaited<ReturnType<typeof open>>, limit: AbortSignal) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const transport = await open(server);
  const limit = AbortSignal.timeout(steps * server.timeout);
  try {
    await use(transport, AbortSignal.any([signal, limit]));
  } catch (thrown) {
    signal.throwIfAborted();
    throw notDelivered(
      server,
      limit.aborted ? new Error(`the conversation took longer than ${(steps * server.timeout) / 1000} s`) : thrown,
    );
  } finally {
    transport.close();
  }
}

/** @throws when the signal comes */
async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  throw new Error('aborted');
}

async function open({ host, port, security, ca, credentials, timeout }: MailServer) {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    // The library takes strings only: this copy lives until it is collected.
    ...(credentials === undefined ? {} : { auth: { user: credentials.user, pass: credentials.password.toString('utf8') } }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** SMTP replies from 500 on are final (RFC 5321 §4.2.1). */
function notDelivered({ host, port }: MailServer, thrown: unknown): SealError {
  const reply = thrown instanceof Error && 'responseCode' in thrown ? thrown.responseCode : undefined;
  const final = typeof reply === 'number' && reply >= 500;
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0] ?? '';
  return new SealError('SEAL-NOTIFY', `the mail server does not take the message: ${message}`, {
    where: `${host}:${port}`,
    cause: thrown,
    hint: 'look at host, port, security and credentials under notify.email; “sealtree check --notify” tries them',
    retryable: !final,
  });
}
