import { SealError, type ErrorReport } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import { jsonName, jsonText } from '../formats/json-text.ts';
import { ownNames } from '../formats/places.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { Effects } from '../ports/effects.ts';
import { documentPages } from './delivery.ts';

type ReportEffects = Pick<Effects, 'files' | 'store'>;

/**
 * `error.json`: what failed, why, and what to do; then `FAILED`. A document of that name is never overwritten: ours gets a number then. May run
 * again: what is there already stays.
 * @param directory in a directory of our own: they are written beside it, and moved into it complete
 */
export async function writeErrors(fx: ReportEffects, batch: Batch, directory: Buffer): Promise<void> {
  const drafts = Buffer.concat([directory, Buffer.from('.drafts')]);
  await fx.files.remove(drafts);
  await fx.files.makeDirectory(drafts, 0o700);
  const [only, another] = await fx.store.documents(batch.id, { state: 'failed', limit: 2, omit: ['bytes', 'report'] });
  const error = batch.error ?? summary(batch, only?.error);
  await place(fx, drafts, directory, ownNames.error, errorPieces(fx, batch, error, another === undefined ? only : undefined));
  const mark = { batch: batch.id, code: error.code, message: error.message };
  await place(fx, drafts, directory, ownNames.failed, pieces(`${jsonText(mark, 2)}\n`));
  await fx.files.remove(drafts);
}

/** Piece by piece: a million documents may have failed. */
async function* errorPieces(
  fx: ReportEffects,
  batch: Batch,
  error: ErrorReport,
  only: BatchDocument | undefined,
): AsyncGenerator<Uint8Array> {
  const { name, nameBytes } = jsonName(batch.relPath);
  const head = {
    batch: batch.id,
    root: batch.root,
    path: name,
    ...(nameBytes === undefined ? {} : { pathBytes: nameBytes }),
    ...(only === undefined ? {} : { document: jsonName(only.relPath).name }),
    ...remedied(error),
  };
  yield Buffer.from(`${jsonText(head, 2).slice(0, -2)},\n  "documents": [`);
  let separator = '\n    ';
  for await (const page of documentPages(fx, batch.id, ['bytes', 'report'])) {
    const lines = page.flatMap((document) => (document.error === undefined ? [] : [jsonText(documentError(document, document.error))]));
    if (lines.length === 0) continue;
    yield Buffer.from(`${separator}${lines.join(',\n    ')}`);
    separator = ',\n    ';
  }
  yield Buffer.from('\n  ]\n}\n');
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

/** Ours from before a kill is as good as a new one; a stranger's file of that name stays. */
async function place(
  { files }: ReportEffects,
  drafts: Buffer,
  directory: Buffer,
  name: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const draft = joinPath(drafts, name);
  const { digest } = await files.create(draft, content, 'sha256');
  await files.syncTree(drafts);
  for (let n = 1; ; n++) {
    const target = joinPath(directory, n === 1 ? name : `${name}~${n}`);
    const there = await files.stat(target);
    if (there === undefined) {
      await files.rename(draft, target);
      return;
    }
    if (there.kind === 'file' && (await files.digest(target, ['sha256'])).get('sha256')?.equals(digest) === true) {
      await files.syncDirectory(directory);
      return;
    }
  }
}

function documentError({ relPath, digests }: BatchDocument, error: ErrorReport): object {
  const sha256 = digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex');
  const { name, nameBytes } = jsonName(relPath);
  return {
    document: name,
    ...(nameBytes === undefined ? {} : { nameBytes }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...remedied(error),
  };
}

function remedied({ code, message, where, hint, retryable }: ErrorReport): object {
  return { code, message, ...(where === undefined ? {} : { where }), remedy: hint ?? 'see the log', retryable };
}

/** What was left out of a delivered batch: the code is that of its first document. */
function summary({ id, failed, documents }: Batch, first: ErrorReport | undefined): ErrorReport {
  const message = `${failed} of ${documents} documents failed, the others were delivered; the first: ${first?.message ?? 'unknown'}`;
  return new SealError(first?.code ?? 'SEAL-VERIFY-FAILED', message, {
    hint: `mend or replace what failed, then “sealtree batch retry ${id}”`,
    retryable: true,
  }).toJSON();
}
