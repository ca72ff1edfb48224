import { localDate } from './local-time.ts';
import { auditLink, tokenLinks } from './links.ts';
import { currentLayout } from './tree.ts';
import { SealError, type ErrorReport } from '../errors.ts';
import { digestLengths, digestOf, sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import { isDetached } from '../formats/output-parts.ts';
import { done, type StepResult } from '../model/step.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Blob, NewLeaf } from '../model/archive.ts';
import type { Batch, BatchDocument } from '../model/batch.ts';
import type { ArchiveConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationData } from '../ports/revocation.ts';
import type { Store } from '../ports/store.ts';

/** What was used when a batch was released; kept once, hashed as one leaf beside the documents. */
export interface BatchMaterial {
  /** DER: chains of the signers and of their timestamps. */
  readonly certificates: readonly Buffer[];
  readonly revocation: Pick<RevocationData, 'crls' | 'ocsps'>;
  /** How the batch was judged, in parts that are in the store already. */
  readonly reports: readonly MaterialPart[];
  /** Content of the approval semaphore. */
  readonly semaphore?: Buffer;
}

/** A blob of the batch that was stored before (`putBlobs`). */
export interface MaterialPart {
  readonly sha256: Buffer;
  /** Its hash with the archive's digest. */
  readonly member: Buffer;
}

type AppendSettings = Pick<ArchiveConfig, 'timezone' | 'digest'>;

/** Documents whose leaves are written in one transaction. */
const pageSize = 500;

/**
 * Puts a signed batch into the open tree: a group {document, signature} for a detached signature, document and output as two single leaves
 * for an embedded one, the document alone where nothing was signed (evidence-records, "What one member proves"); its material as one more leaf.
 * The last transaction moves the batch from signed to archived. May run twice: equal leaves of a tree are one.
 */
export async function appendBatch(
  fx: Pick<Effects, 'clock' | 'store'>,
  archive: AppendSettings,
  batch: Pick<Batch, 'id'>,
  material: BatchMaterial,
): Promise<StepResult> {
  const { digest } = archive;
  let afterSeq = -1;
  let archived = 0;
  for (let last = false; !last;) {
    const page = await fx.store.documents(batch.id, { afterSeq, limit: pageSize, omit: ['bytes', 'report'] });
    afterSeq = page.at(-1)?.seq ?? afterSeq;
    last = page.length < pageSize;
    const documents = page.filter(({ state }) => state !== 'failed');
    const stranger = documents.find((document) => !hashedWith(document, digest));
    if (stranger !== undefined) return { kind: 'refused', error: otherDigest(stranger, digest).toJSON() };
    archived += documents.length;
    const closes = last && archived > 0;
    const blobs = closes ? materialBlobs(material) : [];
    const leaves = [
      ...documents.flatMap((document) => documentLeaves(document, digest)),
      ...(closes ? materialLeaf(blobs, material, digest, batch.id) : []),
    ];
    const append = { leaves: [...(leaves.length > 0 ? await treeStart(fx, digest) : []), ...leaves], blobs };
    const refused = await appendTo(fx, { ...append, tree: treeNow(fx, archive), ...(last ? { batch: batch.id } : {}) });
    if (refused !== undefined) return { kind: 'wait', reason: refused };
  }
  return done;
}

/** An open tree of another digest is closed by the next look at the schedule; until then the batch waits. */
async function appendTo(fx: Pick<Effects, 'store'>, append: Parameters<Store['appendLeaves']>[0]): Promise<ErrorReport | undefined> {
  try {
    await fx.store.appendLeaves(append);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof SealError && thrown.code === 'SEAL-ARCHIVE-OPEN') return thrown.toJSON();
    throw thrown;
  }
}

/** What a tree opened now would be. */
export function treeNow(
  fx: Pick<Effects, 'clock'>,
  { timezone, digest }: AppendSettings,
): { readonly date: string; readonly at: number; readonly digest: DigestAlgorithm; readonly layout: number } {
  const at = fx.clock.now();
  return { date: localDate(at, timezone), at, digest, layout: currentLayout };
}

/** First leaves of a tree that has none: the tokens of the trees before it, and the head of the audit log. */
async function treeStart(fx: Pick<Effects, 'store'>, digest: DigestAlgorithm): Promise<readonly NewLeaf[]> {
  const [open] = await fx.store.trees({ states: ['open'] });
  if (open !== undefined && open.leaves > 0) return [];
  return [...(await tokenLinks(fx, digest)), ...(await auditLink(fx, digest))];
}

/** Whether input and output are known by this digest; not so when the configuration changed while the batch was under way. */
function hashedWith({ digests, signature }: BatchDocument, digest: DigestAlgorithm): boolean {
  const output = signature && (digest === 'sha256' ? signature.outputDigest : signature.archiveDigest);
  const verified = signature?.outputDigest === undefined || output?.length === digestLengths[digest];
  return verified && digests.some(([algorithm]) => algorithm === digest);
}

/** The leaves of one document. @throws SealError SEAL-INTERNAL when it was not verified, or not hashed with the digest */
export function documentLeaves(document: BatchDocument, digest: DigestAlgorithm): NewLeaf[] {
  const { id, batch, signature } = document;
  const input = document.digests.find(([algorithm]) => algorithm === digest)?.[1];
  if (input === undefined) throw otherDigest(document, digest);
  if (signature === undefined) return [{ kind: 'document', members: [input], document: id, batch }];
  const output = digest === 'sha256' ? signature.outputDigest : signature.archiveDigest;
  if (output === undefined)
    throw new SealError('SEAL-INTERNAL', 'a signed document reached the archive without verification', {
      where: displayName(document.relPath),
    });
  if (isDetached(signature.parts)) return [{ kind: 'group', members: [input, output], document: id, batch }];
  return [
    { kind: 'document', members: [input], document: id, batch },
    { kind: 'output', members: [output], document: id, batch },
  ];
}

/** The blobs that material is kept as beside the report, each once. */
export function materialBlobs({ certificates, revocation, semaphore }: BatchMaterial): Blob[] {
  const blob =
    (kind: Blob['kind']) =>
    (bytes: Buffer): Blob => ({ kind, sha256: sha256(bytes), bytes });
  const all = [
    ...certificates.map(blob('certificate')),
    ...revocation.crls.map(blob('crl')),
    ...revocation.ocsps.map(blob('ocsp')),
    ...(semaphore === undefined || semaphore.length === 0 ? [] : [blob('semaphore')(semaphore)]),
  ];
  return [...new Map(all.map((item) => [item.sha256.toString('hex'), item])).values()];
}

/** One data-object group over all blobs: each can be proven by itself (evidence-records 1). */
function materialLeaf(blobs: readonly Blob[], { reports }: BatchMaterial, digest: DigestAlgorithm, batch: string): NewLeaf[] {
  const members = [...blobs.map(({ bytes }) => digestOf(digest, bytes)), ...reports.map(({ member }) => member)];
  return members.length === 0 ? [] : [{ kind: 'batch-material', members, batch }];
}

function otherDigest(document: BatchDocument, digest: DigestAlgorithm): SealError {
  return new SealError('SEAL-ARCHIVE-OPEN', `the archive takes ${digest}, the document was hashed before that was configured`, {
    where: displayName(document.relPath),
    hint: 'retry the batch: it is hashed again, its signatures are kept',
    retryable: true,
  });
}
