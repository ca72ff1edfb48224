import type { Connection } from './database.ts';
import type { LeafKind } from '../model/archive.ts';
import type { LeafReference } from '../model/batch.ts';

/** Column `kind` of leaves and leaf_twins is the position in this list: append only. */
export const leafKinds: readonly LeafKind[] = ['document', 'output', 'group', 'batch-material', 'previous-token', 'audit-head'];

interface Row {
  readonly document: number;
  readonly tree: string;
  readonly position: number;
  readonly kind: number;
}

/** The leaves of the documents with ids from `first` to `last`, by document. */
export type ReferencesOf = (first: number, last: number) => ReadonlyMap<number, readonly LeafReference[]>;

/** Finds the leaves that stand for documents. */
export function leafReferences({ db }: Connection): ReferencesOf {
  const find = db.prepare<[number, number, number, number], Row>(`
    SELECT l.document, t.id AS tree, l.leaf - t.first_leaf AS position, l.kind
    FROM (SELECT document, id AS leaf, kind FROM leaves WHERE document BETWEEN ? AND ?
          UNION ALL SELECT document, leaf, kind FROM leaf_twins WHERE document BETWEEN ? AND ?) AS l
    JOIN trees AS t ON t.seq = (SELECT seq FROM trees WHERE first_leaf <= l.leaf ORDER BY first_leaf DESC, seq DESC LIMIT 1)
    ORDER BY l.document, l.leaf`);
  return (first, last) => {
    const found = new Map<number, LeafReference[]>();
    for (const { document, tree, position, kind } of find.iterate(first, last, first, last)) {
      const reference: LeafReference = { tree, index: position, what: leafKinds[kind] ?? 'document' };
      const known = found.get(document);
      if (known === undefined) found.set(document, [reference]);
      else known.push(reference);
    }
    return found;
  };
}
