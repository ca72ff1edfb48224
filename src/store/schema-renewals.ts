/** Renewals (RFC 4998 §5). Times are UTC ms. */
export const schemaRenewals = `
-- n: which of the independent records it renews. A hash-tree renewal is open while it is built; a timestamp renewal is written sealed.
CREATE TABLE renewals (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL CHECK (kind IN ('timestamps', 'hash-tree')),
  n           INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'anchored')),
  digest      TEXT NOT NULL CHECK (digest IN ('sha256', 'sha384', 'sha512')),
  layout      INTEGER NOT NULL,
  opened_at   INTEGER NOT NULL,
  sealed_at   INTEGER,
  anchored_at INTEGER,
  leaves      INTEGER NOT NULL DEFAULT 0,
  root        BLOB
) STRICT;
CREATE UNIQUE INDEX renewals_open ON renewals (n) WHERE state = 'open';
CREATE TABLE renewal_tokens (
  renewal  INTEGER PRIMARY KEY REFERENCES renewals (seq),
  tsa      TEXT NOT NULL,
  token    BLOB NOT NULL,
  gen_time INTEGER NOT NULL,
  accuracy INTEGER NOT NULL,
  frozen   INTEGER NOT NULL CHECK (frozen IN (0, 1))
) STRICT;
-- Hashes of 256 neighbouring nodes of one level; level 0 are the leaves.
CREATE TABLE renewal_nodes (
  renewal INTEGER NOT NULL REFERENCES renewals (seq),
  level   INTEGER NOT NULL,
  tile    INTEGER NOT NULL,
  hashes  BLOB NOT NULL,
  PRIMARY KEY (renewal, level, tile)
) STRICT;
-- Which chain a leaf of a timestamp renewal holds: that of a tree, or that of a hash-tree renewal.
CREATE TABLE renewal_chains (
  renewal INTEGER NOT NULL REFERENCES renewals (seq),
  leaf    INTEGER NOT NULL,
  tree    INTEGER REFERENCES trees (seq),
  base    INTEGER REFERENCES renewals (seq),
  PRIMARY KEY (renewal, leaf),
  CHECK ((tree IS NULL) <> (base IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX renewal_chains_tree ON renewal_chains (tree) WHERE tree IS NOT NULL;
CREATE INDEX renewal_chains_base ON renewal_chains (base) WHERE base IS NOT NULL;
-- Which leaf of a tree stands at a position of a hash-tree renewal. members: H(d) of each member with the new digest, concatenated.
CREATE TABLE renewal_objects (
  tree     INTEGER NOT NULL REFERENCES trees (seq),
  leaf     INTEGER NOT NULL,
  renewal  INTEGER NOT NULL REFERENCES renewals (seq),
  position INTEGER NOT NULL,
  members  BLOB NOT NULL,
  PRIMARY KEY (tree, leaf, renewal)
) STRICT, WITHOUT ROWID;
-- How many leaves of a tree a hash-tree renewal holds.
CREATE TABLE renewal_trees (
  renewal INTEGER NOT NULL REFERENCES renewals (seq),
  tree    INTEGER NOT NULL REFERENCES trees (seq),
  leaves  INTEGER NOT NULL,
  PRIMARY KEY (renewal, tree)
) STRICT, WITHOUT ROWID;
-- Objects that were read again for a hash-tree renewal under way.
CREATE TABLE rehashed (digest TEXT NOT NULL, hash BLOB NOT NULL, rehashed BLOB NOT NULL, PRIMARY KEY (digest, hash)) STRICT, WITHOUT ROWID;
`;
