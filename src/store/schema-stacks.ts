/** Schema 6: stacks, the lists of documents that were shown before a PIN. Times are UTC ms. */
export const schemaStacks = `
-- since: begin of the activation that it belongs to; NULL: the PIN is outstanding. digest: SHA-256 over the list as it was shown.
CREATE TABLE stacks (
  n         INTEGER PRIMARY KEY,
  key       INTEGER NOT NULL REFERENCES keys (n),
  at        INTEGER NOT NULL,
  since     INTEGER,
  digest    BLOB NOT NULL,
  documents INTEGER NOT NULL
) STRICT;
CREATE INDEX stacks_key ON stacks (key, since);
-- intent: the one that took this document's signature; with the outcome unspent it is free again.
CREATE TABLE stack_documents (
  stack    INTEGER NOT NULL REFERENCES stacks (n) ON DELETE CASCADE,
  document INTEGER NOT NULL REFERENCES documents (id),
  sha256   BLOB NOT NULL,
  intent   INTEGER REFERENCES intents (id),
  PRIMARY KEY (stack, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX stack_documents_document ON stack_documents (document);
`;
