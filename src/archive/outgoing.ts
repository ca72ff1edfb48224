import { errnoOf, SealError, type ErrorReport } from '../errors.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import { ownNames, spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import { done, type StepResult } from '../model/step.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { WrittenFile } from '../ports/files.ts';
import { deskOf, documentPages, type Delivery, type DeliveryEffects } from './delivery.ts';
import { reportPieces, type ReportTimes } from './batch-report.ts';
import { htmlPieces } from './batch-report-html.ts';
import { readyPieces } from './ready.ts';

export { failBatch, fileOriginals, retireOriginals } from './originals.ts';

export type { Delivery, DeliveryEffects } from './delivery.ts';

const parallel = 8;

/**
 * archived → staged: the complete output beside outgoing, on disk, not visible. Every file is assembled from the private copy and its digest
 * compared with the one that was verified. May run again: it begins anew.
 */
export async function stageOutput(
  fx: DeliveryEffects,
  { root, dataDir }: Delivery,
  batch: Batch,
  signal?: AbortSignal,
): Promise<StepResult> {
  const desk = await deskOf(fx, root, 'outgoing', batch.id);
  await fx.files.remove(desk);
  try {
    return await fillDesk(fx, { root, dataDir }, batch, desk, signal);
  } catch (thrown) {
    // A full disk is not kept full by half an output.
    await fx.files.remove(desk).catch(() => undefined);
    throw thrown;
  }
}

async function fillDesk(
  fx: DeliveryEffects,
  { root, dataDir }: Delivery,
  batch: Batch,
  desk: Buffer,
  signal?: AbortSignal,
): Promise<StepResult> {
  await fx.files.makeDirectory(directoryName(desk), 0o700);
  const output = joinPath(desk, 'batch');
  await fx.files.makeDirectory(output);
  const made = new Set<string>();
  for await (const page of documentPages(fx, batch.id, ['report'])) {
    for (const directory of directoriesOf(page, made)) await fx.files.makeDirectory(joinPath(output, directory));
    const refused = await inParallel(page, async (document) => await assembleDocument(fx, dataDir, output, document, signal));
    if (refused !== undefined) return { kind: 'refused', error: refused };
  }
  const times: ReportTimes = { deliveredAt: fx.clock.now() };
  const judged = new JudgedPages(fx, batch.id);
  const report = await fx.files.create(joinPath(output, ownNames.report), reportPieces(judged, batch, times), 'sha256');
  const reports: (WrittenFile & { readonly name: string })[] = [{ name: ownNames.report, ...report }];
  if (root.htmlReport) {
    const html = await fx.files.create(joinPath(output, ownNames.reportHtml), htmlPieces(judged, batch, times), 'sha256');
    reports.push({ name: ownNames.reportHtml, ...html });
  }
  const named = documentPages(fx, batch.id, ['bytes', 'report']);
  await fx.files.create(joinPath(desk, 'ready.json'), readyPieces(named, batch, { reports, evaluation: judged.evaluation }), 'sha256');
  await fx.files.syncTree(desk);
  return done;
}

/** The documents with what verification found; notes on the way whether certificates of an evaluation authority were used. */
class JudgedPages {
  readonly #fx: DeliveryEffects;
  readonly #batch: string;
  evaluation = false;

  constructor(fx: DeliveryEffects, batch: string) {
    this.#fx = fx;
    this.#batch = batch;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly BatchDocument[]> {
    for await (const page of documentPages(this.#fx, this.#batch, ['bytes'])) {
      this.evaluation ||= page.some(({ signature }) => signature?.report?.evaluation === true);
      yield page;
    }
  }
}

/** Directories of a page's documents that were not made yet. */
function directoriesOf(page: readonly BatchDocument[], made: Set<string>): Buffer[] {
  const fresh: Buffer[] = [];
  for (const { relPath, state } of page) {
    const directory = directoryName(relPath);
    const key = directory.toString('latin1');
    if (state === 'failed' || directory.length === 0 || made.has(key)) continue;
    made.add(key);
    fresh.push(directory);
  }
  return fresh;
}

/** The first refusal; the first error when there is one. All work has ended by then: nobody writes to the desk any more. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<ErrorReport | undefined>): Promise<ErrorReport | undefined> {
  const rest = items.values();
  let refused: ErrorReport | undefined;
  let failed = false;
  const ends = await Promise.allSettled(
    Array.from({ length: Math.min(parallel, items.length) }, async () => {
      for (const item of rest) {
        if (failed || refused !== undefined) return;
        try {
          // Not in one line: what another worker has found meanwhile would be written over.
          const refusal = await work(item);
          refused ??= refusal;
        } catch (thrown) {
          failed = true;
          throw thrown;
        }
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return refused;
}

/** Files of one document in the output: the signed file, and beside a detached signature the document itself. */
async function assembleDocument(
  fx: DeliveryEffects,
  dataDir: string,
  output: Buffer,
  document: BatchDocument,
  signal?: AbortSignal,
): Promise<ErrorReport | undefined> {
  if (document.state === 'failed') return undefined;
  const source = spoolFile(dataDir, document.batch, document.seq);
  const { signature, relPath } = document;
  const whole: OutputPart[] = [{ offset: 0, length: document.size }];
  const input = document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
  const write = async (name: Buffer, parts: readonly OutputPart[], expected: Buffer | undefined): Promise<ErrorReport | undefined> => {
    try {
      const { digest } = await fx.files.assemble(joinPath(output, name), parts, source, 'sha256', signal);
      return expected?.equals(digest) === true ? undefined : changed(name);
    } catch (thrown) {
      if (errnoOf(thrown) === 'EEXIST') return indistinct(name);
      throw thrown;
    }
  };
  if (signature === undefined) return await write(relPath, whole, input);
  const name = joinPath(directoryName(relPath), signature.outputName);
  const refused = await write(name, signature.parts, signature.outputDigest);
  if (refused !== undefined || !isDetached(signature.parts)) return refused;
  return await write(relPath, whole, input);
}

/** An output that takes nothing from the document is a signature beside it. */
export function isDetached(parts: readonly OutputPart[]): boolean {
  return parts.every((part) => part instanceof Uint8Array);
}

/** Capitals, or composed and decomposed letters: the names were different when they came, and on this file system they are one. */
function indistinct(name: Buffer): ErrorReport {
  return new SealError('SEAL-DOC-NAME', 'the file system of outgoing does not tell this name from that of another document', {
    where: displayName(name),
    hint: 'rename one of the two, or put outgoing on a file system that keeps names as they are',
  }).toJSON();
}

function changed(name: Buffer): ErrorReport {
  return new SealError('SEAL-DISK-IO', 'the private copy is not what was signed and verified any more', {
    where: displayName(name),
    hint: 'check the file system of the data directory, then “batch retry”',
    retryable: true,
  }).toJSON();
}

/**
 * staged → released: one rename makes the output visible, a second one its ready semaphore, each with its directory on disk before the next.
 * Never onto something that is there. After a kill it goes on where it was; output that a consumer has taken meanwhile is left alone.
 */
export async function releaseOutput(fx: DeliveryEffects, delivery: Delivery, batch: Batch, signal?: AbortSignal): Promise<StepResult> {
  const { files } = fx;
  const { root } = delivery;
  const desk = await deskOf(fx, root, 'outgoing', batch.id);
  const target = joinPath(root.outgoing, batch.outPath);
  // The desk goes when `released` is written: without it somebody has removed it, and the output is made again.
  if ((await files.stat(desk)) === undefined) {
    const staged = await stageOutput(fx, delivery, batch, signal);
    if (staged.kind !== 'done') return staged;
  }
  if ((await files.stat(joinPath(desk, 'batch'))) !== undefined) {
    if ((await files.stat(target)) !== undefined) return { kind: 'wait', reason: stillThere(target) };
    const parent = directoryName(batch.outPath);
    await files.makeDirectory(parent.length === 0 ? root.outgoing : joinPath(root.outgoing, parent));
    await files.rename(joinPath(desk, 'batch'), target);
  }
  const ready = joinPath(desk, 'ready.json');
  if ((await files.stat(ready)) !== undefined) {
    try {
      await files.rename(ready, joinPath(target, root.ready));
    } catch (thrown) {
      // The consumer took the directory before it was announced.
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    }
  }
  return done;
}

function stillThere(target: Buffer): ErrorReport {
  return new SealError('SEAL-BATCH-STATE', 'outgoing still holds an output with this path', {
    where: displayName(target),
    hint: 'collect it, or set onExisting: number for the root',
    retryable: true,
  }).toJSON();
}
