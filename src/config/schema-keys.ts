import { z } from 'zod';
import { section } from './section.ts';
import { duration } from './units.ts';
import { name, secret } from './values.ts';

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
  activation: z.enum(['window', 'stack']).default('window'),
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

/** One entry of `keys`. */
export const key = z.discriminatedUnion('source', [pkcs12, pkcs11]);
