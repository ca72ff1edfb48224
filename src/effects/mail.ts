import { SealError } from '../errors.ts';
import type { Mail, MailServer } from '../ports/mail.ts';

/** Mail through an SMTP server; the library is loaded when the first message is sent. */
export function smtpMail(): Mail {
  return {
    send: async (server, { from, to, subject, text, id }) => {
      await withTransport(server, async (transport) => {
        await transport.sendMail({ from, to: [...to], subject, text, messageId: `<${id}>` });
      });
    },
    verify: async (server) => {
      await withTransport(server, async (transport) => {
        await transport.verify();
      });
    },
  };
}

async function withTransport(server: MailServer, use: (transport: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const transport = await open(server);
  try {
    await use(transport);
  } catch (thrown) {
    throw notDelivered(server, thrown);
  } finally {
    transport.close();
  }
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
