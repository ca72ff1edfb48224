/**
 * Schema 1. Times are UTC ms, sizes bytes; JSON columns hold what the model calls the same. Every table is STRICT.
 * A row is short where there is one a document or leaf: batches and keys are referred to by a number.
 */
export const schema1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE keys (n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE batches (
  n           INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  root        TEXT NOT NULL,
  rel_path    BLOB NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('claiming', 'claimed', 'spooled', 'admitted', 'signed', 'archived', 'staged', 'released',
                                             'failing', 'cancelling', 'delivered', 'failed', 'cancelled', 'abandoned')),
  options     TEXT NOT NULL,
  priority    INTEGER NOT NULL,
  profile     TEXT NOT NULL,
  keys        TEXT NOT NULL,
  out_path    BLOB NOT NULL,
  part_of     TEXT REFERENCES batches (id),
  waiting     TEXT,
  error       TEXT,
  approved_at INTEGER NOT NULL,
  claimed_at  INTEGER NOT NULL,
  finished_at INTEGER,
  collected_at INTEGER,
  semaphore   BLOB NOT NULL,
  documents   INTEGER NOT NULL DEFAULT 0,
  failed      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batches_path ON batches (root, rel_path);
CREATE INDEX batches_claimed ON batches (claimed_at);
CREATE INDEX batches_part_of ON batches (part_of) WHERE part_of IS NOT NULL;
CREATE INDEX batches_uncollected ON batches (id) WHERE state = 'delivered' AND collected_at IS NULL;
CREATE INDEX batches_unfinished ON batches (claimed_at, id) WHERE state NOT IN ('delivered', 'failed', 'cancelled', 'abandoned');

CREATE TABLE documents (
  id       INTEGER PRIMARY KEY,
  batch    INTEGER NOT NULL REFERENCES batches (n),
  seq      INTEGER NOT NULL,
  rel_path BLOB NOT NULL,
  size     INTEGER NOT NULL,
  sha256   BLOB,
  sha384   BLOB,
  sha512   BLOB,
  state    TEXT NOT NULL CHECK (state IN ('spooled', 'signing', 'stamping', 'signed', 'verified', 'failed')),
  error    TEXT,
  UNIQUE (batch, seq)
) STRICT;
CREATE INDEX documents_state ON documents (batch, state, seq);

-- Never deleted: the ledger of what was asked of each key. own: the key is in our own process.
-- signing_time: claimed in the signature; with it what was signed can be prepared once more, bit for bit.
-- outcome NULL: open; spent: no signature recorded, but the key has made one; discarded: what the process may have made ended with it.
CREATE TABLE intents (
  id       INTEGER PRIMARY KEY,
  document INTEGER NOT NULL REFERENCES documents (id),
  key      INTEGER NOT NULL REFERENCES keys (n),
  at       INTEGER NOT NULL,
  own      INTEGER NOT NULL CHECK (own IN (0, 1)),
  signing_time INTEGER,
  outcome  TEXT CHECK (outcome IN ('signed', 'spent', 'unspent', 'doubt', 'discarded'))
) STRICT;
CREATE UNIQUE INDEX intents_open ON intents (document) WHERE outcome IS NULL;
CREATE INDEX intents_document ON intents (document);
CREATE INDEX intents_key ON intents (key, at);

-- Values that keys have made and whose timestamp is outstanding: prepared, as values.ts encodes it.
CREATE TABLE signature_values (
  document     INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
  key          INTEGER NOT NULL REFERENCES keys (n),
  certificate  BLOB NOT NULL,
  signing_time INTEGER NOT NULL,
  prepared     BLOB NOT NULL,
  value        BLOB NOT NULL
) STRICT;
CREATE TABLE signatures (
  document       INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
  key            INTEGER NOT NULL REFERENCES keys (n),
  certificate    BLOB NOT NULL,
  format         TEXT NOT NULL,
  level          TEXT NOT NULL,
  signing_time   INTEGER NOT NULL,
  output_name    BLOB NOT NULL,
  output_digest  BLOB,
  archive_digest BLOB,
  output_size    INTEGER
) STRICT;
-- Large and short-lived, so beside the rows that stay: encoding in parts.ts, reports as JSON.
-- shape: the parts without their own bytes; first, so that it is read without the pages that hold those.
CREATE TABLE signature_parts (
  document INTEGER PRIMARY KEY REFERENCES signatures (document) ON DELETE CASCADE,
  shape    BLOB NOT NULL,
  parts    BLOB NOT NULL
) STRICT;
CREATE TABLE signature_reports (
  document INTEGER PRIMARY KEY REFERENCES signatures (document) ON DELETE CASCADE,
  pieces   TEXT NOT NULL,
  report   TEXT NOT NULL
) STRICT;
-- What reports of a batch have in common: reports.ts.
CREATE TABLE report_pieces (
  n      INTEGER PRIMARY KEY,
  batch  INTEGER NOT NULL REFERENCES batches (n),
  sha256 BLOB NOT NULL,
  piece  TEXT NOT NULL,
  UNIQUE (batch, sha256)
) STRICT;

-- One tree is open at a time, so leaves are numbered through all trees: a tree's leaves are first_leaf, first_leaf + 1 …
-- first_leaf is a multiple of 256, so that a tile belongs to one tree.
CREATE TABLE trees (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  state       TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'anchored')),
  digest      TEXT NOT NULL CHECK (digest IN ('sha256', 'sha384', 'sha512')),
  layout      INTEGER NOT NULL,
  opened_at   INTEGER NOT NULL,
  sealed_at   INTEGER,
  anchored_at INTEGER,
  first_leaf  INTEGER NOT NULL,
  leaves      INTEGER NOT NULL DEFAULT 0,
  root        BLOB
) STRICT;
CREATE UNIQUE INDEX trees_open ON trees (state) WHERE state = 'open';
CREATE INDEX trees_first_leaf ON trees (first_leaf);

-- Hashes of 256 leaves: of leaf number 256 n and the following.
CREATE TABLE leaf_tiles (n INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
-- What leaf number id stands for. members: hashes of a group, concatenated; NULL where the leaf is the hash itself.
CREATE TABLE leaves (
  id       INTEGER PRIMARY KEY,
  kind     INTEGER NOT NULL,
  members  BLOB,
  document INTEGER REFERENCES documents (id),
  batch    INTEGER REFERENCES batches (n)
) STRICT;
CREATE INDEX leaves_document ON leaves (document) WHERE document IS NOT NULL;
-- A leaf that was in the tree already when it came again, with another document.
CREATE TABLE leaf_twins (
  id       INTEGER PRIMARY KEY,
  leaf     INTEGER NOT NULL REFERENCES leaves (id),
  kind     INTEGER NOT NULL,
  members  BLOB,
  document INTEGER REFERENCES documents (id),
  batch    INTEGER REFERENCES batches (n)
) STRICT;
CREATE INDEX leaf_twins_leaf ON leaf_twins (leaf);
CREATE INDEX leaf_twins_document ON leaf_twins (document) WHERE document IS NOT NULL;
-- From a hash to its leaves: see leaf-lookup.ts.
CREATE TABLE leaf_lookup (bucket INTEGER NOT NULL, run INTEGER NOT NULL, entries BLOB NOT NULL, PRIMARY KEY (bucket, run)) STRICT, WITHOUT ROWID;
CREATE TABLE leaf_runs (run INTEGER PRIMARY KEY) STRICT;

-- Hashes of 256 neighbouring nodes of one level.
CREATE TABLE tree_nodes (
  tree  INTEGER NOT NULL REFERENCES trees (seq),
  level INTEGER NOT NULL,
  tile  INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (tree, level, tile)
) STRICT;
CREATE TABLE tree_tokens (
  tree     INTEGER NOT NULL REFERENCES trees (seq),
  n        INTEGER NOT NULL,
  tsa      TEXT NOT NULL,
  token    BLOB NOT NULL,
  gen_time INTEGER NOT NULL,
  accuracy INTEGER NOT NULL,
  frozen   INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  PRIMARY KEY (tree, n)
) STRICT;
CREATE INDEX tree_tokens_unfrozen ON tree_tokens (tree, n) WHERE frozen = 0;
CREATE TABLE days (date TEXT PRIMARY KEY, closed_at INTEGER NOT NULL, trees TEXT NOT NULL) STRICT;

CREATE TABLE blobs (
  n      INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE,
  kind   TEXT NOT NULL CHECK (kind IN ('certificate', 'crl', 'ocsp', 'report', 'semaphore')),
  bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE batch_blobs (
  batch INTEGER NOT NULL REFERENCES batches (n),
  blob  INTEGER NOT NULL REFERENCES blobs (n),
  PRIMARY KEY (batch, blob)
) STRICT, WITHOUT ROWID;

CREATE TABLE timestamp_counts (
  tsa    TEXT NOT NULL,
  minute INTEGER NOT NULL,
  ok     INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tsa, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,
  action  TEXT NOT NULL,
  details TEXT NOT NULL,
  hash    BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows never change'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;
`;
