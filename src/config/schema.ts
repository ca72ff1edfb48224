import { z } from 'zod';
import type { AlgorithmRule } from '../model/algorithms.ts';
import type { LogLevel, LogModule } from '../ports/log.ts';
import { notifyEvents } from '../model/notify.ts';
import { nearest } from './nearest.ts';
import { duration, loopback, size } from './units.ts';

/**
 * A mapping that knows all its keys: another key is an error that names the nearest known one.
 * Shape and defaults of roots.yaml; roots.example.yaml explains each setting and a test holds the two together.
 */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join('\n');
    },
  });
}

function unknownKey(key: string, known: readonly string[]): string {
  const close = nearest(key, known);
  return close === undefined
    ? `unknown setting “${key}”; known here: ${known.join(', ')}`
    : `unknown setting “${key}”; did you mean “${close}”?`;
}

const digest = z.enum(['sha256', 'sha384', 'sha512']);
const level = z.enum(['trace', 'debug', 'info', 'warn', 'error']);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name has letters, digits, dot, dash and underscore, 64 at most');
const fileName = z
  .string()
  .min(1)
  .refine(
    (text) => !text.includes('/') && !text.includes('\0') && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 255,
    'must be a plain file name',
  );

const secret = z.union([section({ file: z.string() }), section({ env: z.string() }), section({ credential: z.string() })], {
  error: 'a secret is given as {file: PATH}, {env: NAME} or {credential: NAME}, never as the value itself',
});

const keyCommon = {
  roots: z.array(name).default([]),
  minRemaining: duration.default(86_400_000),
  keyUsage: z.enum(['contentCommitment', 'digitalSignature', 'any']).default('contentCommitment'),
  chain: z.array(z.string()).default([]),
  allowQualifiedPersonal: z.boolean().default(false),
};

const pkcs12 = section({ source: z.literal('pkcs12'), file: z.string(), passphrase: secret, ...keyCommon });

const token = z.union(
  [
    z.literal('any'),
    section({
      label: z.string().optional(),
      serial: z.string().optional(),
      slot: z.int().min(0).optional(),
      reader: z.string().min(1).optional(),
    }),
  ],
  { error: 'token is “any” or a mapping with label, serial, slot, reader' },
);

const pkcs11 = section({
  source: z.literal('pkcs11'),
  module: z.string(),
  token: token.default({}),
  certificate: section({ subject: z.string().min(1).optional(), issuer: z.string().min(1).optional() }).optional(),
  key: section({
    label: z.string().optional(),
    id: z
      .string()
      .regex(/^([0-9a-f]{2})+$/i, 'hexadecimal')
      .optional(),
  }).default({}),
  pin: secret.optional(),
  kind: z.enum(['mass', 'individual']).default('mass'),
  maxSignatures: z.int().min(1).optional(),
  onDoubt: z.enum(['sign', 'ask']).default('sign'),
  maxHours: z.number().positive().optional(),
  sessions: z.int().min(1).max(64).default(1),
  timeout: duration.default(30_000),
  pinTimeout: duration.default(10 * 60_000),
  keepAlive: duration.default(15 * 60_000),
  environment: z.record(z.string(), z.string()).default({}),
  ...keyCommon,
});

const key = z.discriminatedUnion('source', [pkcs12, pkcs11]);

const tsa = section({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }),
  digest: digest.default('sha256'),
  policy: z
    .string()
    .regex(/^\d+(\.\d+)+$/, 'an object identifier such as 1.3.6.1.4.1.99999.1')
    .optional(),
  timeout: duration.default(15_000),
  quota: section({ count: z.int().min(1), per: z.enum(['day', 'month', 'year']), reserve: z.int().min(0).default(0) }).optional(),
  credentials: section({ user: z.string(), password: secret }).optional(),
});

const profile = section({
  format: z.enum(['cades', 'pades', 'xades', 'asic-s', 'asic-e', 'jades', 'auto']).default('auto'),
  level: z.enum(['B-B', 'B-T', 'B-LT', 'B-LTA']).default('B-B'),
  packaging: z.enum(['embedded', 'detached', 'enveloping']).optional(),
  digest: digest.default('sha256'),
  padding: z.enum(['pkcs1', 'pss']).default('pss'),
  reason: z.string().max(1000).optional(),
  location: z.string().max(1000).optional(),
  contact: z.string().max(1000).optional(),
  tsas: z.array(name).default([]),
  onTsaFailure: z.enum(['wait', 'deliver']).default('wait'),
});

const approval = z.union(
  [
    z.enum(['semaphore', 'quiet']).transform((mode) => ({ mode })),
    section({
      mode: z.enum(['semaphore', 'quiet']).default('semaphore'),
      name: fileName.optional(),
      quiet: duration.optional(),
      owner: z.int().min(0).optional(),
    }),
  ],
  { error: 'approval is “semaphore”, “quiet” or a mapping with mode, name, quiet, owner' },
);

const root = section({
  path: z.string(),
  incoming: z.string().default('incoming'),
  outgoing: z.string().default('outgoing'),
  failed: z.string().default('failed'),
  done: z.string().default('done'),
  approval: approval.default({ mode: 'semaphore' }),
  ready: fileName.default('READY'),
  profile: name,
  allowProfiles: z.array(name).default([]),
  keys: z.union([z.literal('none'), name.transform((one) => [one]), z.array(name).min(1)]),
  priority: z.int().min(-100).max(100).default(0),
  settle: duration.optional(),
  watch: z.enum(['auto', 'events', 'poll']).default('auto'),
  sweep: duration.default(10_000),
  onError: z.enum(['failBatch', 'deliverRest']).default('failBatch'),
  onExisting: z.enum(['wait', 'number']).default('wait'),
  ignore: z.array(z.string().min(1)).default(['Thumbs.db', '.DS_Store', 'desktop.ini', '~$*', '*.part', '*.tmp', '.~lock.*']),
  minFree: size.default(512 * 2 ** 20),
  maxWait: duration.optional(),
  retention: duration.optional(),
  htmlReport: z.boolean().default(false),
  documentPassword: secret.optional(),
});

const closing = z.union(
  [
    z.literal('daily').transform(() => ({ kind: 'daily' as const })),
    z.literal('batch').transform(() => ({ kind: 'batch' as const })),
    section({ every: duration }).transform(({ every }) => ({ kind: 'every' as const, ms: every })),
    section({ leaves: z.int().min(1) }).transform(({ leaves }) => ({ kind: 'leaves' as const, count: leaves })),
  ],
  { error: 'closing is “daily”, “batch”, {every: 15m} or {leaves: 100000}' },
);

const timezone = z
  .string()
  .refine((zone) => Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC', 'must be an IANA time zone such as Europe/Berlin');

const archive = section({
  timezone: timezone.default('UTC'),
  closeAt: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a local time HH:MM')
    .default('00:15'),
  closing: closing.default({ kind: 'daily' }),
  tsas: z.array(name).min(1),
  timestamps: z.union([z.literal(1), z.literal(2)]).default(1),
  digest: digest.default('sha256'),
  keep: z.enum(['none', 'signatures', 'documents']).default('none'),
  revocationGrace: duration.default(86_400_000),
  renew: z.enum(['auto', 'warn']).default('warn'),
  renewBefore: duration.default(180 * 86_400_000),
});

const logLevels = section({
  watcher: level.optional(),
  batch: level.optional(),
  signer: level.optional(),
  verify: level.optional(),
  archive: level.optional(),
  store: level.optional(),
  http: level.optional(),
} satisfies Record<LogModule, unknown>).transform(
  (modules) =>
    Object.fromEntries(Object.entries(modules).filter(([, wanted]) => wanted !== undefined)) as Partial<Record<LogModule, LogLevel>>,
);

const email = section({
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
  url: z.url({ protocol: /^https?$/, error: 'must be an https address' }),
  secret,
  timeout: duration.default(15_000),
});

const notify = section({
  events: z.array(z.enum(notifyEvents)).default([...notifyEvents]),
  email: email.optional(),
  webhook: webhook.optional(),
});

/** A date without time, or “never”: the algorithm has no known end. */
const endDate = z
  .string()
  .refine(
    (text) => text === 'never' || (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))),
    'a date is written 2031-01-01, or never',
  )
  .transform((text) => (text === 'never' ? undefined : text));

const ruleCommon = { end: endDate.optional(), legacy: endDate.optional(), source: z.string().min(1).default('configuration') };

const algorithmRule = z
  .union(
    [
      section({
        digest: z.enum([
          'sha256',
          'sha384',
          'sha512',
          'sha1',
          'sha224',
          'sha3-224',
          'sha3-256',
          'sha3-384',
          'sha3-512',
          'ripemd160',
          'md5',
        ]),
        ...ruleCommon,
      }),
      section({ key: z.enum(['rsa', 'ec', 'dsa']), from: z.int().min(0), to: z.int().min(1), ...ruleCommon }),
      section({ curve: z.string().min(1), ...ruleCommon }),
      section({ padding: z.literal('pkcs1'), ...ruleCommon }),
    ],
    { error: 'a rule names {digest: sha256}, {key: rsa, from: 1900, to: 2999}, {curve: NAME} or {padding: pkcs1}, and its end' },
  )
  .transform(({ end, legacy, source, ...subject }): AlgorithmRule => {
    return { subject, source, ...(end === undefined ? {} : { end }), ...(legacy === undefined ? {} : { legacy }) };
  });

/** The whole file, before names are resolved (references.ts) and paths made absolute (load.ts). */
export const fileSchema = section({
  data: z.string().default('./data'),
  log: section({ level: level.default('info'), modules: logLevels.default({}), file: z.string().optional() }).prefault({}),
  monitor: loopback.optional(),
  evaluation: section({ dir: z.string(), listen: loopback }).optional(),
  trust: section({
    anchors: z.array(z.string()).min(1),
    certificates: z.array(z.string()).default([]),
    crls: z.array(z.string()).default([]),
    revocation: z.enum(['require', 'soft-fail', 'none']).default('require'),
    fetch: z.boolean().default(true),
    allowHosts: z.array(z.string()).default([]),
    maxAge: duration.default(12 * 3_600_000),
    algorithms: z.array(algorithmRule).default([]),
  }),
  keys: z.record(name, key).default({}),
  pools: z.record(name, z.array(name).min(1)).default({}),
  tsas: z.record(name, tsa).default({}),
  profiles: z.record(name, profile),
  roots: z.record(name, root),
  archive,
  notify: notify.optional(),
});

export type FileSettings = z.output<typeof fileSchema>;
