import { appendBatch } from '../archive/append.ts';
import { failBatch, fileOriginals, releaseOutput, stageOutput, type Delivery } from '../archive/outgoing.ts';
import { SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { Batch } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import type { SecretReader } from '../ports/secrets.ts';
import type { ReleaseVerifier } from '../verify/release.ts';
import { admit, resumeClaim, spool } from '../watcher/intake.ts';
import type { Stages } from './runner.ts';
import { signAndVerify, type SignStepParts } from './sign-step.ts';

export interface StageParts extends SignStepParts {
  readonly config: Config;
  readonly readSecret: SecretReader;
}

/** The stages of the product, each by its entry: what the runner executes for a step. */
export function buildStages(parts: StageParts): Stages {
  const { fx, config } = parts;
  const rooted =
    (step: (root: RootConfig, batch: Batch, signal: AbortSignal) => Promise<StepResult>) =>
    async (batch: Batch, signal: AbortSignal): Promise<StepResult> => {
      const root = config.roots[batch.root];
      return root === undefined ? rootGone(batch) : await step(root, batch, signal);
    };
  const delivery = (root: RootConfig): Delivery => ({ root, dataDir: config.dataDir });
  return {
    resumeClaim: rooted(async (root, batch) => await resumeClaim(fx, root, batch)),
    spool: rooted(async (root, batch, signal) => await spool(fx, config, root, batch, signal)),
    admit: rooted(async (root, batch) => await admit(fx, config, root, batch)),
    sign: rooted(async (root, batch, signal) => await signWithPassword(parts, root, batch, signal)),
    append: async (batch) => await appendBatch(fx, config.archive, batch, await materialOf(fx, parts.release, batch)),
    stage: rooted(async (root, batch, signal) => await stageOutput(fx, delivery(root), batch, signal)),
    release: rooted(async (root, batch) => await releaseOutput(fx, delivery(root), batch)),
    file: rooted(async (root, batch) => await fileOriginals(fx, delivery(root), batch, config.archive.keep)),
    fail: rooted(async (root, batch) => await failBatch(fx, delivery(root), batch)),
  };
}

/** The configuration lost a root that still has batches under way: they wait, nothing of theirs is touched. */
function rootGone(batch: Batch): StepResult {
  const error = new SealError('SEAL-ROOT-UNUSABLE', `the root ${batch.root} is not configured any more`, {
    hint: 'put it back until its batches have ended',
  });
  return { kind: 'wait', reason: error.toJSON() };
}

async function signWithPassword(parts: StageParts, root: RootConfig, batch: Batch, signal: AbortSignal): Promise<StepResult> {
  const password = root.documentPassword === undefined ? undefined : await parts.readSecret(root.documentPassword);
  try {
    return await signAndVerify(
      parts,
      batch,
      { root: root.name, onError: root.onError, ...(password === undefined ? {} : { password }) },
      signal,
    );
  } finally {
    password?.fill(0);
  }
}

/** What was used when the batch was verified: kept once beside its documents. */
export async function materialOf(
  { store }: Pick<Effects, 'store'>,
  release: ReleaseVerifier,
  batch: Batch,
): Promise<Parameters<typeof appendBatch>[3]> {
  return { ...release.material(), report: await releaseReport({ store }, batch) };
}

/** One JSON line a document: what was verified, and how it was judged. */
async function releaseReport({ store }: Pick<Effects, 'store'>, batch: Batch): Promise<Buffer> {
  const lines = [JSON.stringify({ batch: batch.id, root: batch.root, path: displayName(batch.relPath), profile: batch.profile })];
  for (let afterSeq = -1; ;) {
    const documents = await store.documents(batch.id, { afterSeq, limit: 500 });
    const last = documents.at(-1);
    if (last === undefined) return Buffer.from(`${lines.join('\n')}\n`);
    afterSeq = last.seq;
    for (const { relPath, digests, signature, error } of documents) {
      const report = signature?.report;
      lines.push(
        JSON.stringify({
          document: displayName(relPath),
          input: Object.fromEntries(digests.map(([algorithm, value]) => [algorithm, value.toString('hex')])),
          ...(signature === undefined
            ? {}
            : { output: signature.outputDigest?.toString('hex'), key: signature.key, format: signature.format, level: signature.level }),
          ...(report === undefined
            ? {}
            : {
                indication: report.indication,
                validationTime: report.validationTime,
                bestSignatureTime: report.signatures[0]?.bestSignatureTime,
              }),
          ...(error === undefined ? {} : { error: error.code }),
        }),
      );
    }
  }
}
