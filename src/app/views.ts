import { displayName } from '../formats/names.ts';
import type { ErrorReport } from '../errors.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';

export { readableSize } from '../formats/sizes.ts';

/** Batches and documents as `--json` prints them: names escaped for display, times in ISO 8601 UTC, hashes in lower-case hexadecimal. */
export interface BatchView {
  readonly id: string;
  readonly root: string;
  readonly path: string;
  readonly state: Batch['state'];
  readonly profile: string;
  readonly keys: readonly string[];
  readonly documents: number;
  readonly failed: number;
  readonly approvedAt: string;
  readonly claimedAt: string;
  readonly finishedAt?: string;
  readonly collectedAt?: string;
  readonly output: string;
  readonly partOf?: string;
  readonly waiting?: ErrorReport & { readonly since: string };
  readonly error?: ErrorReport;
}

export interface DocumentView {
  readonly path: string;
  readonly size: number;
  readonly state: BatchDocument['state'];
  readonly sha256?: string;
  readonly key?: string;
  readonly format?: string;
  readonly level?: string;
  readonly signedAt?: string;
  readonly output?: string;
  readonly outputSha256?: string;
  readonly indication?: string;
  readonly leaves: readonly string[];
  readonly error?: ErrorReport;
}

/** UTC ms → ISO 8601 without fractions. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

export function batchView(batch: Batch): BatchView {
  const { waiting, error, finishedAt, collectedAt, partOf } = batch;
  return {
    id: batch.id,
    root: batch.root,
    path: displayName(batch.relPath),
    state: batch.state,
    profile: batch.profile,
    keys: batch.keys,
    documents: batch.documents,
    failed: batch.failed,
    approvedAt: isoTime(batch.approvedAt),
    claimedAt: isoTime(batch.claimedAt),
    output: displayName(batch.outPath),
    ...(finishedAt === undefined ? {} : { finishedAt: isoTime(finishedAt) }),
    ...(collectedAt === undefined ? {} : { collectedAt: isoTime(collectedAt) }),
    ...(partOf === undefined ? {} : { partOf }),
    ...(waiting === undefined ? {} : { waiting: { ...waiting, since: isoTime(waiting.since) } }),
    ...(error === undefined ? {} : { error }),
  };
}

export function documentView(document: BatchDocument): DocumentView {
  const { signature, error } = document;
  const sha256 = document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex');
  return {
    path: displayName(document.relPath),
    size: document.size,
    state: document.state,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(signature === undefined
      ? {}
      : {
          key: signature.key,
          format: signature.format,
          level: signature.level,
          signedAt: isoTime(signature.signingTime),
          output: displayName(signature.outputName),
          ...(signature.outputDigest === undefined ? {} : { outputSha256: signature.outputDigest.toString('hex') }),
          ...(signature.report === undefined ? {} : { indication: signature.report.indication }),
        }),
    leaves: (document.leaves ?? []).map(({ tree, index }) => `${tree}/${index}`),
    ...(error === undefined ? {} : { error }),
  };
}
