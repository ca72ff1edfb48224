import type { SecretReference } from './secret.ts';

/** What people can be told of without asking. */
export const notifyEvents = [
  'pinNeeded',
  'activationEnding',
  'cardMissing',
  'cardFailing',
  'certificateEnding',
  'batchFailed',
  'treeNotAnchored',
  'diskNearlyFull',
  'renewalDue',
  'batchReady',
] as const;
export type NotifyEvent = (typeof notifyEvents)[number];

export interface NotifyConfig {
  readonly email?: EmailConfig;
  readonly webhook?: WebhookConfig;
}

export interface EmailConfig {
  readonly events: readonly NotifyEvent[];
  readonly host: string;
  readonly port: number;
  /** `starttls`: demanded; `none`: plain text, for a server on this machine. */
  readonly security: 'starttls' | 'tls' | 'none';
  /** PEM file: who may vouch for the server, instead of the system's authorities. */
  readonly ca?: string;
  readonly credentials?: { readonly user: string; readonly password: SecretReference };
  readonly from: string;
  readonly to: readonly string[];
  /** ms */
  readonly timeout: number;
}

export interface WebhookConfig {
  readonly events: readonly NotifyEvent[];
  readonly url: string;
  /** For the HMAC. */
  readonly secret: SecretReference;
  /** ms */
  readonly timeout: number;
}
