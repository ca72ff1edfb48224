import type { DocumentPage, DocumentQuery } from './document-pages.ts';
import type { Store } from '../ports/store.ts';

/** Methods of the store that are the worker's methods of the same name. */
type Plain = Exclude<keyof Store, 'close' | 'documents' | 'document'>;

/** What the worker offers, synchronous. Each part of the store gives a Pick of it. */
export type Methods = { readonly [K in Plain]: (...args: Parameters<Store[K]>) => Awaited<ReturnType<Store[K]>> } & {
  /** Behind `documents` and `document`. */
  readonly documentPage: (query: DocumentQuery) => DocumentPage;
};

/** Every method, and what transaction it runs in. `alone`: in none, on a connection of its own, beside the running work. */
export const methods: { readonly [K in keyof Methods]: 'read' | 'write' | 'alone' } = {
  createBatch: 'write',
  batch: 'read',
  batches: 'read',
  unfinished: 'read',
  advance: 'write',
  setWaiting: 'write',
  markCollected: 'write',
  addSpooled: 'write',
  recordSpooled: 'write',
  documentPage: 'read',
  deliveredAt: 'read',
  reusableSignatures: 'read',
  recordIntents: 'write',
  openIntents: 'read',
  recordOutcomes: 'write',
  signatureValues: 'read',
  recordStamped: 'write',
  recordVerified: 'write',
  failDocuments: 'write',
  settleDoubts: 'write',
  signatureCounts: 'read',
  activationCounts: 'write',
  openTree: 'write',
  appendLeaves: 'write',
  seal: 'write',
  setRoot: 'write',
  nodes: 'read',
  addToken: 'write',
  replaceToken: 'write',
  trees: 'read',
  tokens: 'read',
  unfrozenTokens: 'read',
  leafHashes: 'read',
  leaf: 'read',
  leavesPage: 'read',
  findLeaves: 'read',
  documentLeaves: 'read',
  blob: 'read',
  putBlobs: 'write',
  batchBlobs: 'read',
  recordDay: 'write',
  lastDay: 'read',
  countTimestamp: 'write',
  timestampCounts: 'read',
  audit: 'write',
  auditHead: 'read',
  auditRows: 'read',
  totals: 'read',
  integrity: 'alone',
  meta: 'read',
  setMeta: 'write',
};
