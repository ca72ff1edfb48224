/**
 * Schema 3: counts over everything there ever was, kept in the transaction of what they count (tallies.ts): nobody goes through all rows for
 * `status` or a scrape of the metrics.
 */
export const schemaTallies = `
-- Batches that have ended. failed: documents that no other batch has taken over.
CREATE TABLE batch_tallies (
  state     TEXT PRIMARY KEY CHECK (state IN ('delivered', 'failed', 'cancelled', 'abandoned')),
  batches   INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  failed    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO batch_tallies
  SELECT state, count(*), sum(iif(state = 'delivered', documents - failed, 0)),
    sum(CASE WHEN state = 'abandoned' OR EXISTS (SELECT 1 FROM batches AS r WHERE r.part_of = b.id AND r.state <> 'abandoned') THEN 0
             WHEN state = 'delivered' THEN failed ELSE documents END)
  FROM batches AS b WHERE state IN ('delivered', 'failed', 'cancelled', 'abandoned') GROUP BY state;

-- Intents with an outcome, by the quarter of an hour (at / 900000) in which they were made; -1: all of them.
CREATE TABLE signature_tallies (
  key     INTEGER NOT NULL REFERENCES keys (n),
  quarter INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (key, quarter, outcome)
) STRICT, WITHOUT ROWID;
INSERT INTO signature_tallies SELECT key, at / 900000, outcome, count(*) FROM intents WHERE outcome IS NOT NULL GROUP BY 1, 2, 3;
INSERT INTO signature_tallies SELECT key, -1, outcome, sum(count) FROM signature_tallies GROUP BY 1, 3;
CREATE INDEX intents_unsettled ON intents (key, at) WHERE outcome IS NULL;
`;
