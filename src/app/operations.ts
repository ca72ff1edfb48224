import { z } from 'zod';
import { SealError } from '../errors.ts';
import type { Config } from '../model/config.ts';
import { newKeyKinds, requestKeyUsages } from '../ports/key-management.ts';
import { checkArchive } from './archive-check.ts';
import { check } from './check/check.ts';
import { closeArchive } from './archive-close.ts';
import { archiveDue } from './archive-due.ts';
import { renewArchive } from './archive-renew.ts';
import { exportRecords } from './archive-export.ts';
import { findObjects } from './archive-find.ts';
import { showAudit, verifyAudit } from './audit.ts';
import { approveBatch, cancelBatch, retryBatch } from './batch-actions.ts';
import { listBatches, showBatch } from './batches.ts';
import type { Call } from './context.ts';
import { activateKey, deactivateKey } from './key-activation.ts';
import { importCertificate } from './key-import.ts';
import { generateKey } from './key-management.ts';
import { requestCertificate } from './key-request.ts';
import { showStack } from './key-stack.ts';
import { probeTsas } from './probe.ts';
import { periodReport } from './report.ts';
import type { Service } from './service.ts';
import { testKey } from './key-test.ts';
import { signFiles } from './sign.ts';
import { keyList, status } from './status.ts';
import type { OperationMode, OperationName, Operations } from './operation-types.ts';

interface Operation<Name extends OperationName> {
  readonly mode: OperationMode;
  /** The socket is private, but what comes over it is checked all the same. */
  readonly args: z.ZodType<Operations[Name]['args']>;
  run(service: Service, args: Operations[Name]['args'], call: Call): Promise<Operations[Name]['result']>;
}

const none = z.object({});
const id = z.string().min(1).max(200);
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/, 'a day is written 2026-11-22');

const optionalText = (): z.ZodOptional<z.ZodString> => z.string().optional();

export const operations: { readonly [Name in OperationName]: Operation<Name> } = {
  // In the daemon: without one compose.ts opens what can be opened.
  check: {
    mode: 'act',
    args: z.object({
      sign: z.boolean(),
      notify: z.boolean(),
      file: z.custom<Config>((value) => typeof value === 'object' && value !== null),
    }),
    run: async (service, { sign, notify, file }, { actor, signal, progress }) =>
      await check(
        { fx: service.app.fx, config: service.app.config, database: true, file, service },
        { sign, notify, actor, signal, progress },
      ),
  },
  status: {
    mode: 'live',
    args: exact(z.object({ probe: z.boolean().optional() })),
    run: async ({ app, live }, { probe }, { signal }) => {
      const now = await live();
      return await status(app, now, probe === true ? await probeTsas(app, now.daemon !== undefined, signal) : undefined);
    },
  },
  'batch.list': {
    mode: 'read',
    args: exact(
      z.object({ root: optionalText(), state: optionalText(), limit: z.int().min(1).max(100_000).optional(), before: optionalText() }),
    ),
    run: async ({ app }, args) => await listBatches(app, args),
  },
  'batch.show': {
    mode: 'read',
    args: exact(z.object({ id, limit: z.int().min(1).optional() })),
    run: async ({ app }, args) => await showBatch(app, args),
  },
  'batch.retry': { mode: 'act', args: z.object({ id, again: z.boolean() }), run: retryBatch },
  'batch.cancel': { mode: 'act', args: z.object({ id }), run: cancelBatch },
  'batch.approve': { mode: 'act', args: z.object({ root: id, path: z.string() }), run: approveBatch },
  'archive.close': { mode: 'act', args: none, run: closeArchive },
  'archive.due': {
    mode: 'read',
    args: none,
    run: async ({ app, trust }) => await archiveDue(app.fx, await trust(), app.config),
  },
  'archive.renew': {
    mode: 'act',
    args: exact(
      z.object({
        timestamps: z.boolean().optional(),
        rehash: z.enum(['sha256', 'sha384', 'sha512']).optional(),
        documents: z.array(z.string()).optional(),
        dryRun: z.boolean(),
      }),
    ),
    run: renewArchive,
  },
  'archive.check': {
    mode: 'read',
    args: exact(z.object({ resume: z.boolean().optional() })),
    run: async ({ app }, args, call) => await checkArchive(app, args, call),
  },
  'archive.export': {
    mode: 'read',
    args: exact(
      z.object({
        what: z.array(z.string()),
        batch: optionalText(),
        day: day.optional(),
        all: z.boolean().optional(),
        format: z.string().max(32).optional(),
        zip: z.boolean().optional(),
        out: z.string(),
      }),
    ),
    run: async ({ app, trust }, args, call) => await exportRecords(app, await trust(), args, call),
  },
  'archive.find': {
    mode: 'read',
    args: exact(
      z.object({
        what: z.array(z.string()),
        name: optionalText(),
        batch: optionalText(),
        from: day.optional(),
        to: day.optional(),
        key: optionalText(),
        certificate: optionalText(),
        limit: z.int().min(1).max(10_000).optional(),
        after: z.int().min(0).optional(),
      }),
    ),
    run: async ({ app, trust }, args, call) => await findObjects(app, await trust(), args, call),
  },
  'key.list': { mode: 'live', args: none, run: async ({ app, pool }) => await keyList(app, pool.view()) },
  'key.stack': {
    mode: 'live',
    args: z.object({ name: id, batches: z.array(id).max(1_000) }),
    run: async ({ app }, args) => await showStack(app, args),
  },
  'key.activate': {
    mode: 'act',
    args: z.object({
      name: id,
      document: sha256Hex.optional(),
      atReader: z.literal(true).optional(),
      stack: z.object({ batches: z.array(id).max(1_000), sha256: sha256Hex }).optional(),
    }),
    run: activateKey,
  },
  'key.deactivate': { mode: 'act', args: z.object({ name: id }), run: deactivateKey },
  'key.generate': { mode: 'act', args: z.object({ name: id, kind: z.enum(newKeyKinds) }), run: generateKey },
  'key.csr': {
    mode: 'act',
    args: z.object({
      name: id,
      subject: z.string().max(4096),
      san: z.array(z.string().max(1024)).max(64),
      keyUsage: z.array(z.enum(requestKeyUsages)).min(1),
      padding: z.enum(['pkcs1', 'pss']),
    }),
    run: requestCertificate,
  },
  'key.import': {
    mode: 'act',
    args: z.object({
      name: id,
      files: z
        .array(z.base64().max(2 ** 22))
        .min(1)
        .max(32),
    }),
    run: importCertificate,
  },
  'key.test': { mode: 'act', args: z.object({ name: id }), run: testKey },
  report: {
    mode: 'read',
    args: exact(z.object({ from: optionalText(), to: optionalText() })),
    run: async ({ app }, args) => await periodReport(app, args),
  },
  'audit.show': {
    mode: 'read',
    args: exact(z.object({ after: z.int().min(0).optional(), limit: z.int().min(1).max(10_000) })),
    run: async ({ app }, args) => await showAudit(app.fx, args),
  },
  'audit.verify': {
    mode: 'read',
    args: none,
    run: async ({ app }, _, call) =>
      await verifyAudit(app.fx, (done, total) => {
        call.progress({ what: 'audit rows', done, total });
      }),
  },
  sign: {
    mode: 'act',
    args: exact(z.object({ files: z.array(z.string()).min(1), profile: id, out: z.string(), keys: z.array(z.string()).optional() })),
    run: signFiles,
  },
};

/** Zod gives absent settings as undefined; the house's types leave them out. */
function exact<T extends object>(schema: z.ZodType<T>): z.ZodType<{ [K in keyof T]: Exclude<T[K], undefined> }> {
  return schema.transform(
    (value) =>
      Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> },
  );
}

/** Checks the arguments and runs the operation. @throws SealError SEAL-USAGE for an unknown name or malformed arguments */
export async function perform(service: Service, name: OperationName, args: unknown, call: Call): Promise<unknown> {
  const operation = operations[name] as Operation<OperationName>;
  const checked = operation.args.safeParse(args);
  if (!checked.success) throw malformed(name, checked.error);
  return await operation.run(service, checked.data, call);
}

function malformed(name: string, { issues }: z.ZodError): SealError {
  const problems = issues.map(({ path, message }) => `${path.length === 0 ? '' : `${path.join('.')}: `}${message}`);
  return new SealError('SEAL-USAGE', `${name}: ${problems.join('; ')}`, {
    hint: 'correct the arguments; are command and daemon of the same version?',
  });
}

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(operations, name);
}
