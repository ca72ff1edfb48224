/** Schema 4: hashes of large closed trees lie in tile files beside the database (docs/archive-format.md); trees that are there are moved by the daemon. */
export const schemaTiles = `
-- Where leaf hashes and kept nodes are: 'both' while rows are being removed that the files hold already.
ALTER TABLE trees ADD COLUMN hashes TEXT NOT NULL DEFAULT 'rows' CHECK (hashes IN ('rows', 'both', 'files'));
ALTER TABLE renewals ADD COLUMN hashes TEXT NOT NULL DEFAULT 'rows' CHECK (hashes IN ('rows', 'both', 'files'));
CREATE INDEX trees_in_rows ON trees (seq) WHERE hashes <> 'files' AND leaves >= 4096;
CREATE INDEX renewals_in_rows ON renewals (seq) WHERE hashes <> 'files' AND leaves >= 4096;
-- tree: id of a tree or of a renewal. first, count: which hashes of the level. sha256: of the whole file.
CREATE TABLE tile_files (
  tree   TEXT NOT NULL,
  level  INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  count  INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  PRIMARY KEY (tree, level, first)
) STRICT, WITHOUT ROWID;
`;
