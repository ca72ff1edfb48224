import { createHmac } from 'node:crypto';
import { asSealError, SealError } from '../../errors.ts';
import type { EmailConfig, NotifyConfig, WebhookConfig } from '../../model/notify.ts';
import type { Effects } from '../../ports/effects.ts';
import type { MailServer } from '../../ports/mail.ts';
import type { SecretReader } from '../../ports/secrets.ts';
import { jsonOf, subjectOf, textOf, type Notification } from './message.ts';

export type ChannelEffects = Pick<Effects, 'clock' | 'files' | 'http' | 'mail'> & { readonly readSecret: SecretReader };

/** One way to people. */
export interface Channel {
  readonly name: 'email' | 'webhook';
  /** One attempt. @throws SealError SEAL-NOTIFY, SEAL-CONFIG-SECRET; not retryable where another attempt makes no sense */
  send(notification: Notification, signal: AbortSignal): Promise<void>;
  /** Whether somebody is there who would take a message. */
  probe(signal: AbortSignal): Promise<void>;
}

const maxBytes = 2 ** 16;

export function channels({ email, webhook }: NotifyConfig, fx: ChannelEffects): Channel[] {
  return [...(email === undefined ? [] : [emailChannel(email, fx)]), ...(webhook === undefined ? [] : [webhookChannel(webhook, fx)])];
}

function emailChannel(config: EmailConfig, fx: ChannelEffects): Channel {
  const { from, to, host } = config;
  return {
    name: 'email',
    send: async (notification) => {
      const message = { from, to, subject: subjectOf(notification), text: textOf(notification), id: `${notification.id}@${host}` };
      await withServer(config, fx, async (server) => {
        await fx.mail.send(server, message);
      });
    },
    probe: async () => {
      await withServer(config, fx, async (server) => {
        await fx.mail.verify(server);
      });
    },
  };
}

async function withServer(config: EmailConfig, fx: ChannelEffects, use: (server: MailServer) => Promise<void>): Promise<void> {
  const { host, port, security, timeout, ca, credentials } = config;
  const password = credentials === undefined ? undefined : await fx.readSecret(credentials.password);
  try {
    await use({
      ...{ host, port, security, timeout },
      ...(ca === undefined ? {} : { ca: await fx.files.read(ca, maxBytes) }),
      ...(credentials === undefined || password === undefined ? {} : { credentials: { user: credentials.user, password } }),
    });
  } finally {
    password?.fill(0);
  }
}

function webhookChannel({ url, secret, timeout }: WebhookConfig, fx: ChannelEffects): Channel {
  const usual = { url, timeout, maxBytes, allowPrivate: true };
  return {
    name: 'webhook',
    send: async (notification, signal) => {
      const body = jsonOf(notification);
      const headers = await signedHeaders(fx, secret, notification.id, body);
      const { status } = await reached(url, () => fx.http.request({ ...usual, method: 'POST', headers, body }, signal));
      if (status >= 200 && status < 300) return;
      throw refused(url, status);
    },
    probe: async (signal) => {
      (await fx.readSecret(secret)).fill(0);
      await reached(url, () => fx.http.request({ ...usual, method: 'GET' }, signal));
    },
  };
}

/** Headers of the Standard Webhooks specification: the signature covers id, time and body. */
async function signedHeaders(
  fx: ChannelEffects,
  secret: WebhookConfig['secret'],
  id: string,
  body: Buffer,
): Promise<Readonly<Record<string, string>>> {
  const key = await fx.readSecret(secret);
  try {
    const timestamp = String(Math.floor(fx.clock.now() / 1000));
    const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    return {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
  } finally {
    key.fill(0);
  }
}

async function reached<T>(url: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    const error = asSealError(thrown);
    throw new SealError('SEAL-NOTIFY', `the webhook cannot be reached: ${error.message}`, {
      where: url,
      cause: thrown,
      hint: 'look at notify.webhook.url, the network and the server; “sealtree check --notify” tries it',
    });
  }
}

/** A client error will not go away by itself, but for those that say “later” (RFC 9110 §15.5.9, RFC 6585 §4). */
function refused(url: string, status: number): SealError {
  return new SealError('SEAL-NOTIFY', `the webhook answers with HTTP status ${status}`, {
    where: url,
    hint: 'look at the log of that server: address, secret, time of both machines',
    retryable: status >= 500 || status === 408 || status === 429,
  });
}
