import { errnoOf, SealError, type ErrorReport } from '../errors.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import { isDetached } from '../formats/output-parts.ts';
import { ownNames, spoolFile } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import { done, type StepResult } from '../model/step.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { WrittenFile } from '../ports/files.ts';
import { reportPieces, type ReportTimes } from './batch-report.ts';
import { htmlPieces } from './batch-report-html.ts';
import { deskOf, documentPages, type Delivery, type DeliveryEffects } from './delivery.ts';
import { readyPieces } from './ready.ts';

const parallel = 8;

/**
 * archived → staged: the complete output beside outgoing, on disk, not visible. Every file is assembled from the private copy and its digest
 * compared with the one that was verified. May run again: it begins anew.
 */
export async function stageOutput(fx: DeliveryEffects, delivery: Delivery, batch: Batch, signal?: AbortSignal): Promise<StepResult> {
  const desk = await deskOf(fx, delivery.root, 'outgoing', batch.id);
  await fx.files.remove(desk);
  try {
    return await fillDesk(fx, delivery, batch, desk, signal);
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
  await fx.files.spread(directoryName(desk));
  const output = joinPath(desk, 'batch');
  await fx.files.makeDirectory(output);
  const made = new Set<string>();
  for await (const page of documentPages(fx, batch.id, ['report'])) {
    for (const directory of directoriesOf(page, made)) await fx.files.makeDirectory(joinPath(output, directory));
    const place = { output, dataDir, signed: batch.keys.length > 0 };
    const refused = await inParallel(page, async (document) => await assembleDocument(fx, place, document, signal));
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

interface Place {
  readonly output: Buffer;
  readonly dataDir: string;
  /** Whether the batch has keys: then nothing leaves it unsigned. */
  readonly signed: boolean;
}

/** Files of one document in the output: the signed file, and beside a detached signature the document itself. */
async function assembleDocument(
  fx: DeliveryEffects,
  { output, dataDir, signed }: Place,
  document: BatchDocument,
  signal?: AbortSignal,
): Promise<ErrorReport | undefined> {
  const { signature, relPath, state } = document;
  if (state === 'failed') return undefined;
  if (state !== 'verified' || signed !== (signature !== undefined)) throw unproven(document);
  const source = spoolFile(dataDir, document.batch, document.seq);
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

function unproven({ relPath, state }: BatchDocument): SealError {
  return new SealError('SEAL-INTERNAL', `a document that is ${state} and not what the batch promises must not be delivered`, {
    where: displayName(relPath),
    hint: 'please report this with the log lines around it',
  });
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
