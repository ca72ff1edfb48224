import { z } from 'zod';
import type { LogLevel, LogModule } from '../ports/log.ts';
import { algorithmRule } from './schema-algorithms.ts';
import { key } from './schema-keys.ts';
import { notify } from './schema-notify.ts';
import { section } from './section.ts';
import { duration, loopback, size } from './units.ts';
import { digest, name, secret, timezone } from './values.ts';

const level = z.enum(['trace', 'debug', 'info', 'warn', 'error']);
const fileName = z
  .string()
  .min(1)
  .refine(
    (text) => !text.includes('/') && !text.includes('\0') && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 255,
    'must be a plain file name',
  );

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
  check: section({ every: duration })
    .transform(({ every }) => every)
    .optional(),
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

/**
 * Shape and defaults of roots.yaml, before names are resolved and paths made absolute (resolve.ts).
 * roots.example.yaml explains each setting and a test holds the two together.
 */
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
