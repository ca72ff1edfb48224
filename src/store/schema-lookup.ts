/** Schema 5: from a hash to its leaves in a few rows, however large the archive is: lookup-tiers.ts. Runs of schema 4 are those of tier 1. */
export const schemaLookup = `
CREATE TABLE hash_lookup (
  tier    INTEGER NOT NULL,
  bucket  INTEGER NOT NULL,
  run     INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (tier, bucket, run)
) STRICT, WITHOUT ROWID;
-- runs: how many runs of the tier were ever complete; bucket: the next one of the tier below that goes into the run after them.
CREATE TABLE lookup_tiers (tier INTEGER PRIMARY KEY, runs INTEGER NOT NULL, bucket INTEGER NOT NULL) STRICT;
INSERT INTO hash_lookup SELECT 1, bucket, run, entries FROM leaf_lookup;
INSERT INTO lookup_tiers SELECT 0, 16 * coalesce(max(run) + 1, 0), 0 FROM leaf_runs;
INSERT INTO lookup_tiers SELECT 1, coalesce(max(run) + 1, 0), 0 FROM leaf_runs;
INSERT INTO lookup_tiers VALUES (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0);
-- From the new digest of an object back to the one that its leaf knows it by.
CREATE INDEX rehashed_back ON rehashed (substr(rehashed, 1, 8));
DROP TABLE leaf_lookup;
DROP TABLE leaf_runs;
`;
