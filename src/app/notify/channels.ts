import { createHmac } from 'node:crypto';
import { asSealError, SealError } from '../../errors.ts';
import type { EmailConfig, NotifyConfig, NotifyEvent, WebhookConfig } from '../../model/notify.ts';
import type { Effects } from '../../ports/effects.ts';
import type { MailServer } from '../../ports/mail.ts';
import type { SecretReader } from '../../ports/secrets.ts';
import { jsonOf, subjectOf, textOf, type Notification } from './message.ts';

export type ChannelEffects = Pick<Effects, 'clock' | 'files' | 'http' | 'mail'> & { readonly readSecret: SecretReader };

/** One way to people. */
export interface Channel {
  readonly name: keyof NotifyConfig;
  /** What it is for. */
  readonly events: readonly NotifyEvent[];
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
  const { events, from, to, host } = config;
  return {
    name: 'email',
    events,
    send: async (notification, signal) => {
      const message = { from, to, subject: subjectOf(notification), text: textOf(notification), id: `${notification.id}@${host}` };
      await withServer(config, fx, async (server) => {
        await fx.mail.send(server, message, signal);
      });
    },
    probe: async (signal) => {
      await withServer(config, fx, async (server) => {
        await fx.mail.verify(server, signal);
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

/** The address is the operator's own, so it may be a private one; a redirect is not followed. */
function webhookChannel({ events, url, secret, timeout }: WebhookConfig, fx: ChannelEffects): Channel {
  const usual = { url, timeout, maxBytes, allowPrivate: true };
  const where = new URL(url).origin;
  return {
    name: 'webhook',
    events,
    send: async (notification, signal) => {
      const body = jsonOf(notification);
      const headers = await signedHeaders(fx, secret, notification.id, body);
      const { status } = await reached(where, () => fx.http.request({ ...usual, method: 'POST', headers, body }, signal));
      if (status >= 200 && status < 300) return;
      throw refused(where, status);
    },
    probe: async (signal) => {
      (await fx.readSecret(secret)).fill(0);
      await reached(where, () => fx.http.request({ ...usual, method: 'GET' }, signal));
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

/** @param where without path and query: some receivers know their senders by a secret in there */
async function reached<T>(where: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    const error = asSealError(thrown);
    throw new SealError('SEAL-NOTIFY', `the webhook cannot be reached: ${error.message}`, {
      where,
      cause: thrown,
      hint: 'look at notify.webhook.url, the network and the server; “sealtree check --notify” tries it',
    });
  }
}

/** A client error will not go away by itself, but for those that say “later” (RFC 9110 §15.5.9, RFC 6585 §4). */
function refused(where: string, status: number): SealError {
  return new SealError('SEAL-NOTIFY', `the webhook answers with HTTP status ${status}`, {
    where,
    hint:
      status >= 300 && status < 400
        ? 'redirects are not followed: name the address itself in notify.webhook.url'
        : 'look at the log of that server: address, secret, time of both machines',
    retryable: status >= 500 || status === 408 || status === 429,
  });
}
