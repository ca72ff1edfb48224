import { z } from 'zod';
import { notifyEvents } from '../model/notify.ts';
import { section } from './section.ts';
import { duration } from './units.ts';
import { secret } from './values.ts';

const events = z.array(z.enum(notifyEvents)).optional();

const email = section({
  events,
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional(),
  security: z.enum(['starttls', 'tls', 'none']).default('starttls'),
  ca: z.string().optional(),
  credentials: section({ user: z.string(), password: secret }).optional(),
  from: z.email(),
  to: z.union([z.email().transform((one) => [one]), z.array(z.email()).min(1)]),
  timeout: duration.default(30_000),
});

const webhook = section({
  events,
  url: z.url({ protocol: /^https?$/, error: 'must be an https address' }),
  secret,
  timeout: duration.default(15_000),
});

/** The section `notify`. */
export const notify = section({
  events,
  email: email.optional(),
  webhook: webhook.optional(),
});
