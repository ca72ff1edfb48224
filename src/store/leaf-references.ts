import type { Connection } from './database.ts';
import type { LeafKind } from '../model/archive.ts';
import type { LeafReference } from '../model/batch.ts';

/** Column `kind` of leaves and leaf_twins is the position in this list: append only. */
export const leafKinds: readonly LeafKind[] = ['document', 'output', 'group', 'batch-material', 'previous-token', 'audit-head'];

/** A leaf of a document: its id, the tree, the position in it, the number of its kind. */
export type LeafRow = readonly [document: number, tree: string, index: number, kind: number];

/** The leaves of the documents with ids from `first` to `last`, as JSON: `LeafRow`s in the order of documents and leaves. */
export type ReferencesOf = (first: number, last: number) => string;

/** Finds the leaves that stand for documents. */
export function leafReferences({ db }: Connection): ReferencesOf {
  const find = db.prepare<[number, number, number, number], string>(`
    SELECT json_group_array(json_array(l.document, t.id, l.leaf - t.first_leaf, l.kind) ORDER BY l.document, l.leaf)
    FROM (SELECT document, id AS leaf, kind FROM leaves WHERE document BETWEEN ? AND ?
          UNION ALL SELECT document, leaf, kind FROM leaf_twins WHERE document BETWEEN ? AND ?) AS l
    JOIN trees AS t ON t.seq = (SELECT seq FROM trees WHERE first_leaf <= l.leaf ORDER BY first_leaf DESC, seq DESC LIMIT 1)`);
  const json = find.pluck() as unknown as { get(...range: readonly number[]): string | undefined };
  return (first, last) => json.get(first, last, first, last) ?? '[]';
}

/** The references in such a text, by document. */
export function leavesByDocument(json: string): ReadonlyMap<number, readonly LeafReference[]> {
  const found = new Map<number, LeafReference[]>();
  for (const [document, tree, index, kind] of JSON.parse(json) as readonly LeafRow[]) {
    const reference: LeafReference = { tree, index, what: leafKinds[kind] ?? 'document' };
    const known = found.get(document);
    if (known === undefined) found.set(document, [reference]);
    else known.push(reference);
  }
  return found;
}
