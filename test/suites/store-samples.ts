import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { SealError } from '../../src/errors.ts';
import type { NewLeaf } from '../../src/model/archive.ts';
import type { BatchDocument, BatchState, DocumentSignature } from '../../src/model/batch.ts';
import type { NewBatch, NewDocument } from '../../src/ports/batch-store.ts';
import type { Store } from '../../src/ports/store.ts';
import type { ManualClock } from '../support/clock.ts';

/** A store and the means to restart it. */
export interface StoreUnderTest {
  readonly clock: ManualClock;
  store: Store;
  /** Closes the store and opens the same database again, as a restart does. */
  reopen(): Promise<void>;
}

/** Opens an empty store that is removed after the test. */
export type OpenStoreUnderTest = (t: TestContext) => Promise<StoreUnderTest>;

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

export const failure = new SealError('SEAL-DOC-DAMAGED', 'the document is cut off', { where: 'a.pdf', hint: 'scan it again' }).toJSON();

/** Any failing SealError of this code. */
export const sealError = (code: string): { code: string; name: string } => ({ name: 'SealError', code });

export function newBatch(id: string, change: Partial<NewBatch> = {}): NewBatch {
  return {
    id,
    root: 'pdf',
    relPath: Buffer.from(`day/${id}`),
    options: {},
    priority: 0,
    profile: 'pades-b-b',
    keys: ['card-1', 'card-2'],
    outPath: Buffer.from(`day/${id}`),
    approvedAt: 1_000,
    claimedAt: 2_000,
    semaphore: Buffer.from('APPROVED'),
    state: 'claimed',
    ...change,
  };
}

export function newDocument(seq: number, content = `content ${seq}`, change: Partial<NewDocument> = {}): NewDocument {
  return { seq, relPath: Buffer.from(`${seq}.pdf`), size: content.length, digests: [['sha256', sha256(content)]], ...change };
}

export function newDocuments(count: number): NewDocument[] {
  return Array.from({ length: count }, (_, seq) => newDocument(seq));
}

export function newSignature(change: Partial<DocumentSignature> = {}): DocumentSignature {
  return {
    key: 'card-1',
    certificate: sha256('certificate'),
    format: 'pades',
    level: 'B-B',
    signingTime: 3_000,
    parts: [{ offset: 0, length: 9 }, Buffer.from('signature')],
    outputName: Buffer.from('0.pdf'),
    ...change,
  };
}

/** A batch with its documents, moved on to a state on the way to `signed`. */
export async function batchWith(
  store: Store,
  id: string,
  documents: readonly NewDocument[],
  state: 'spooled' | 'admitted' = 'admitted',
  change: Partial<NewBatch> = {},
): Promise<BatchDocument[]> {
  await store.createBatch(newBatch(id, change));
  await store.recordSpooled(id, documents);
  if (state === 'admitted') await store.advance(id, 'spooled', 'admitted');
  return await store.documents(id);
}

/** Signs documents as the signer does: intents, then outcomes. */
export async function sign(store: Store, documents: readonly number[], change: Partial<DocumentSignature> = {}): Promise<void> {
  const key = change.key ?? 'card-1';
  const intents = await store.recordIntents(key, documents, 3_000);
  await store.recordOutcomes(intents.map(({ id, document }) => ({ intent: id, document, signature: newSignature(change) })));
}

/** Moves a batch through states. */
export async function through(store: Store, id: string, ...states: readonly BatchState[]): Promise<void> {
  for (const [n, to] of states.entries()) {
    const from = states[n - 1];
    if (from !== undefined) await store.advance(id, from, to);
  }
}

export const treeOptions = { date: '2026-11-22', at: 5_000, digest: 'sha256', layout: 1 } as const;

export function documentLeaf(content: string, document?: number): NewLeaf {
  return { kind: 'document', members: [sha256(content)], ...(document === undefined ? {} : { document }) };
}
