import { activations } from './activations.ts';
import { appending } from './appending.ts';
import { auditLog } from './audit.ts';
import { batchTallies } from './batch-tallies.ts';
import { batchRows } from './batches.ts';
import { blobRows, blobWriter } from './blobs.ts';
import { dayRows } from './days.ts';
import { documentReader, documentRows } from './documents.ts';
import { documentSearch } from './document-search.ts';
import { integrity } from './integrity.ts';
import { intents } from './intents.ts';
import { keyNumbers } from './key-names.ts';
import { leafLookup } from './leaf-lookup.ts';
import { leafReferences } from './leaf-references.ts';
import { leafTiles } from './leaf-tiles.ts';
import { leafReader } from './leaves.ts';
import { renewalContent } from './renewal-content.ts';
import { renewalTokens } from './renewal-tokens.ts';
import { renewalRows } from './renewals.ts';
import { reportRows } from './reports.ts';
import { earlierSignatures } from './reuse.ts';
import { signatureTallies } from './signature-tallies.ts';
import { signatureRows } from './signatures.ts';
import { stackRows } from './stacks.ts';
import { spooling } from './spooling.ts';
import { tokenRows } from './tokens.ts';
import { stamping, valueRows } from './values.ts';
import { totals } from './totals.ts';
import { tileRows } from './tiles.ts';
import { treeRows } from './trees.ts';
import { verification } from './verification.ts';
import type { Connection } from './database.ts';
import type { Methods } from './methods.ts';
import type { TileFiles } from './tile-files.ts';

/** All methods of the store over one connection and its tile files, synchronous, each to be run in a transaction. */
export function storeMethods(connection: Connection, files: TileFiles): Methods {
  const log = auditLog(connection);
  const reports = reportRows(connection);
  const batches = batchRows(connection, log.audit, reports, batchTallies(connection));
  const numberOfKey = keyNumbers(connection);
  const documents = documentRows(connection);
  const signatures = signatureRows(connection, numberOfKey);
  const values = valueRows(connection, numberOfKey);
  const tallies = signatureTallies(connection);
  const { take, ...stackMethods } = stackRows(connection, numberOfKey);
  const trees = treeRows(connection, files);
  const renewals = renewalRows(connection, files);
  const tiles = leafTiles(connection, files);
  const lookup = leafLookup(connection, tiles);
  const referencesOf = leafReferences(connection);
  const writeBlobs = blobWriter(connection);
  return {
    ...log,
    ...batches.methods,
    ...documentReader(connection, { batches, referencesOf, reports }),
    ...spooling(connection, { batches, signatures, values, earlier: earlierSignatures(connection) }),
    ...intents(connection, { documents, signatures, values, numberOfKey, tallies, writeAudit: log.audit, takeOfStack: take }),
    ...stackMethods,
    signatureCounts: tallies.signatureCounts,
    ...activations(connection),
    ...stamping(connection, documents, signatures, values),
    ...verification(connection, { documents, signatures, reports }),
    ...trees.methods,
    ...tileRows(connection),
    ...appending(connection, { batches, trees, tiles, lookup, writeBlobs }),
    ...leafReader(connection, { trees, tiles, lookup, referencesOf }),
    ...documentSearch(connection, referencesOf),
    ...tokenRows(connection, trees),
    ...renewals.methods,
    ...renewalContent(connection, renewals, trees),
    ...renewalTokens(connection, renewals),
    ...blobRows(connection, batches, writeBlobs),
    ...dayRows(connection),
    ...totals(connection),
    ...integrity(connection, files, log.auditRows),
  };
}
