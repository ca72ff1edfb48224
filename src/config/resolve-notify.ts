import { notifyEvents, type EmailConfig, type NotifyConfig, type NotifyEvent, type WebhookConfig } from '../model/notify.ts';
import type { SecretReference } from '../model/secret.ts';
import { defined } from './defined.ts';
import type { Report } from './places.ts';
import type { FileSettings } from './schema.ts';

type Settings = NonNullable<FileSettings['notify']>;

interface Places {
  readonly at: (file: string) => string;
  readonly secretAt: (secret: SecretReference) => SecretReference;
}

/** Batches become ready all day: programs want to know of each, people seldom. */
const forPeople = notifyEvents.filter((event) => event !== 'batchReady');
const smtpPorts = { starttls: 587, tls: 465, none: 25 } as const;

/** The section `notify`: a channel without events of its own has those of the section. Pure. */
export function resolveNotify({ events, email, webhook }: Settings, places: Places, report: Report): NotifyConfig {
  if (email === undefined && webhook === undefined) report(['notify'], 'names neither email nor webhook: nobody would be told');
  return defined({
    email: email && resolveEmail(email, events ?? forPeople, places, report),
    webhook: webhook && resolveWebhook(webhook, events ?? notifyEvents, places, report),
  });
}

function resolveEmail(
  email: NonNullable<Settings['email']>,
  events: readonly NotifyEvent[],
  { at, secretAt }: Places,
  report: Report,
): EmailConfig {
  const { security, credentials, ca } = email;
  if (security === 'none' && credentials !== undefined)
    report(['notify', 'email', 'security'], '“none” would send the password in plain text; use starttls or tls');
  return defined({
    ...email,
    events: email.events ?? events,
    port: email.port ?? smtpPorts[security],
    ca: ca === undefined ? undefined : at(ca),
    credentials: credentials && { ...credentials, password: secretAt(credentials.password) },
  });
}

function resolveWebhook(
  webhook: NonNullable<Settings['webhook']>,
  events: readonly NotifyEvent[],
  { secretAt }: Places,
  report: Report,
): WebhookConfig {
  const { protocol, hostname, username, password } = new URL(webhook.url);
  const place = ['notify', 'webhook', 'url'];
  if (protocol !== 'https:' && !ofThisMachine.test(hostname)) report(place, 'must be an https address; plain http only on this machine');
  if (username + password !== '') report(place, 'must hold neither user name nor password: “secret” signs each message');
  return { ...webhook, events: webhook.events ?? events, secret: secretAt(webhook.secret) };
}

/** A WHATWG URL writes an IPv4 address as four decimal numbers, whatever stood in the file. */
const ofThisMachine = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/;
