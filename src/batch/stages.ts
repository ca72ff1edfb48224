import { appendBatch } from '../archive/append.ts';
import { failBatch, fileOriginals, releaseOutput, stageOutput, type Delivery } from '../archive/outgoing.ts';
import { SealError } from '../errors.ts';
import type { Batch } from '../model/batch.ts';
import type { Config, RootConfig } from '../model/config.ts';
import type { StepResult } from '../model/step.ts';
import { admit, resumeClaim, spool } from '../watcher/intake.ts';
import { materialOf } from './material.ts';
import type { OnWaiting, Stages } from './runner.ts';
import { signAndVerify, type SignStepParts } from './sign-step.ts';

export interface StageParts extends SignStepParts {
  readonly config: Config;
}

/** The stages of the product, each by its entry: what the runner executes for a step. */
export function buildStages(parts: StageParts): Stages {
  const { fx, config } = parts;
  const rooted =
    (step: (root: RootConfig, batch: Batch, signal: AbortSignal, onWaiting: OnWaiting) => Promise<StepResult>) =>
    async (batch: Batch, signal: AbortSignal, onWaiting: OnWaiting): Promise<StepResult> => {
      const root = config.roots[batch.root];
      return root === undefined ? rootGone(batch) : await step(root, batch, signal, onWaiting);
    };
  const delivery = (root: RootConfig): Delivery => ({ root, dataDir: config.dataDir });
  return {
    resumeClaim: rooted(async (root, batch) => await resumeClaim(fx, root, batch)),
    spool: rooted(async (root, batch, signal) => await spool(fx, config, root, batch, signal)),
    admit: rooted(async (root, batch) => await admit(fx, config, root, batch)),
    sign: rooted(async (...args) => await signStep(parts, ...args)),
    append: rooted(async (root, batch, signal) => await appendStep(parts, root, batch, signal)),
    stage: rooted(async (root, batch, signal) => await stageOutput(fx, delivery(root), batch, signal)),
    release: rooted(async (root, batch, signal) => await releaseOutput(fx, delivery(root), batch, signal)),
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

async function signStep(parts: StageParts, root: RootConfig, batch: Batch, signal: AbortSignal, onWaiting: OnWaiting): Promise<StepResult> {
  return await withPassword(parts, root, async (password) => {
    const { name, onError } = root;
    return await signAndVerify(parts, batch, { root: name, onError, onWaiting, ...password }, signal);
  });
}

async function appendStep(parts: StageParts, root: RootConfig, batch: Batch, signal: AbortSignal): Promise<StepResult> {
  return await withPassword(parts, root, async (password) => {
    const material = await materialOf(parts, batch, { root, ...password }, signal);
    return await appendBatch(parts.fx, parts.config.archive, batch, material);
  });
}

/** The root's password for encrypted documents, read when it is needed and wiped afterwards. @throws SealError SEAL-CONFIG-SECRET */
async function withPassword<T>(
  { readSecret }: StageParts,
  { documentPassword }: RootConfig,
  work: (password: { readonly password?: Buffer }) => Promise<T>,
): Promise<T> {
  if (documentPassword === undefined) return await work({});
  const password = await readSecret(documentPassword);
  try {
    return await work({ password });
  } finally {
    password.fill(0);
  }
}
