import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { appendBatch } from '../../src/archive/append.ts';
import { checkArchive, type CheckResult } from '../../src/archive/check.ts';
import { rehashLinks } from '../../src/archive/rehash-own.ts';
import { rehashTrees } from '../../src/archive/rehash.ts';
import { openDatabase } from '../../src/store/database.ts';
import { appendDocuments, documentHash, signedBatch } from '../support/archive.ts';
import { closeTree, renewingArchive, settle, type RenewingArchive } from '../support/renewing.ts';
import { storeOn, temporaryDirectory } from '../support/store.ts';

const many = Array.from({ length: 600 }, (_, n) => `document ${n}`);

/**
 * Three trees, the second with kept nodes; renewals: 1 and 2 of timestamps, 3 of the hash trees, with kept nodes, 4 and 5 of the timestamps of that
 * and of a tree that came later; one more tree that nothing renews, and one that is open.
 */
async function richArchive(t: TestContext): Promise<RenewingArchive> {
  const archive = await renewingArchive(t);
  const { fx, settings, closing, renewing } = archive;
  const material = { certificates: [Buffer.from('certificate')], revocation: { crls: [Buffer.from('crl')], ocsps: [] }, reports: [] };
  await signedBatch(archive, 'batch', [{ name: 'a.txt' }, { name: 'b.pdf', embedded: true }]);
  await appendBatch(fx, settings.archive, { id: 'batch' }, material);
  await closing.close('test');
  await settle(archive);
  await closeTree(archive, many);
  for (let round = 0; round < 2; round++) {
    await renewing.renewTimestamps('test');
    await settle(archive);
  }
  await fx.store.addRehashed(
    'sha512',
    many.map((name) => ({ hash: documentHash(name), rehashed: documentHash(name, 'sha512') })),
  );
  await rehashLinks(fx, ['sha256'], 'sha512');
  await renewing.whileAlone(() => rehashTrees(fx, settings, { digest: 'sha512', n: 1, actor: 'test' }));
  await settle(archive);
  await closeTree(archive, ['later']);
  await renewing.renewTimestamps('test');
  await settle(archive);
  await closeTree(archive, ['last']);
  await appendDocuments(archive, ['still open']);
  return archive;
}

/** Damages, one each: what is done to the database, where it must be found, and what must be said first. */
const tree = (seq: number): string => `SELECT first_leaf FROM trees WHERE seq = ${seq}`;
const table: readonly (readonly [name: string, sql: string, where: RegExp, what: RegExp])[] = [
  // Rows of trees.
  ['a leaf’s row is gone', `DELETE FROM leaves WHERE id = (${tree(2)}) + 300`, /^database$/, /has \d+ leaves, but \d+ rows/],
  [
    'a member’s hash',
    'UPDATE leaves SET members = flip(members, 7) WHERE members IS NOT NULL',
    /\.1$/,
    /^leaf 1 is not the hash of its members/,
  ],
  ['a link’s kind', 'UPDATE leaves SET kind = 0 WHERE kind = 4', /\.1$/, /^does not hold the token of /],
  [
    'a leaf’s hash in a small tree',
    'UPDATE leaf_tiles SET hashes = flip(hashes, 0) WHERE n = (SELECT first_leaf FROM trees WHERE seq = 1) / 256',
    /\.1$/,
    /its leaves do not lead to its root/,
  ],
  [
    'a leaf’s hash in a large tree',
    `UPDATE leaf_tiles SET hashes = flip(hashes, 40) WHERE n = (${tree(2)}) / 256 + 1`,
    /\.1$/,
    /one of its leaves 256 to 511 has changed/,
  ],
  [
    'a tile of leaves is gone',
    `DELETE FROM leaf_tiles WHERE n = (${tree(2)}) / 256 + 1`,
    /^database$/,
    /has \d+ leaves, but \d+ rows and \d+ hashes/,
  ],
  [
    'a kept node',
    'UPDATE tree_nodes SET hashes = flip(hashes, 33) WHERE tree = 2',
    /\.1$/,
    /kept node 1 of level 8 is not that of its leaves/,
  ],
  ['kept nodes are gone', 'DELETE FROM tree_nodes WHERE tree = 2', /\.1$/, /kept node 0 of level 8/],
  ['a root', 'UPDATE trees SET root = flip(root, 3) WHERE seq = 2', /\.1$/, /its root is not the one that was stamped/],
  ['a root is gone', 'UPDATE trees SET root = NULL WHERE seq = 2', /\.1$/, /the root is missing/],
  ['a number of leaves', 'UPDATE trees SET leaves = leaves - 1 WHERE seq = 2', /^database$/, /\d+ hashes|but \d+ rows/],
  [
    'a tree is gone',
    'DELETE FROM renewal_chains WHERE tree = 1; DELETE FROM renewal_objects WHERE tree = 1; DELETE FROM renewal_trees WHERE tree = 1; DELETE FROM tree_tokens WHERE tree = 1; DELETE FROM trees WHERE seq = 1',
    /^database$/,
    /renewal .*\.r1 has 2 leaves, but 1 rows/,
  ],
  [
    'the newest tree is gone, which nothing holds yet',
    'DELETE FROM tree_tokens WHERE tree = 4; DELETE FROM trees WHERE seq = 4',
    /\.1$/,
    /its timestamp, of which line \d+ of the audit log tells, is not there/,
  ],
  // Timestamps of trees.
  ['a token’s signature', 'UPDATE tree_tokens SET token = flip(token, -5) WHERE tree = 4', /\.1$/, /timestamp 1 does not hold/],
  [
    'a token’s time, written down',
    'UPDATE tree_tokens SET gen_time = gen_time + 1000 WHERE tree = 4',
    /\.1$/,
    /timestamp 1 is of another time/,
  ],
  ['a token is gone', 'DELETE FROM tree_tokens WHERE tree = 4', /\.1$/, /its timestamp is missing/],
  [
    'a token that is not frozen',
    'UPDATE tree_tokens SET frozen = 0 WHERE tree = 4',
    /\.1$/,
    /timestamp 1 is not the one that line \d+ of the audit log tells of/,
  ],
  [
    'another tree’s token',
    'UPDATE tree_tokens SET token = (SELECT token FROM tree_tokens WHERE tree = 3) WHERE tree = 4',
    /\.1$/,
    /timestamp 1 (is of another time|does not hold)/,
  ],
  // Material of batches, audit log.
  [
    'a certificate',
    "UPDATE blobs SET bytes = flip(bytes, 2) WHERE kind = 'certificate'",
    /^batch$/,
    /^certificate [0-9a-f]{64} has changed/,
  ],
  ['material of a batch is forgotten', 'DELETE FROM batch_blobs WHERE blob = 1', /^batch$/, /1 of 2 pieces of its material are missing/],
  ['material is gone', 'DELETE FROM blobs WHERE n = 1', /^database$/, /refers to a missing row of blobs/],
  ['an audit line', "UPDATE audit SET actor = 'nobody' WHERE seq = 3", /^database$/, /audit line 3 does not follow/],
  ['an audit line is gone', 'DELETE FROM audit WHERE seq = 3', /^database$/, /audit line 3 is missing/],
  [
    'the end of the audit log is cut off',
    'DELETE FROM audit WHERE seq > 3',
    /\.1$/,
    /holds a line of the audit log that is not there any more/,
  ],
  // Renewals.
  ['a renewal’s root', 'UPDATE renewals SET root = flip(root, 0) WHERE seq = 1', /\.r1$/, /its root is not the one that was stamped/],
  [
    'a renewal’s leaf',
    'UPDATE renewal_nodes SET hashes = flip(hashes, 0) WHERE renewal = 2 AND level = 0',
    /\.r1$/,
    /its leaves do not lead to its root/,
  ],
  [
    'leaves of a renewal are gone',
    'DELETE FROM renewal_nodes WHERE renewal = 3 AND level = 0 AND tile = 1',
    /^database$/,
    /renewal .* has 603 leaves, but 603 rows and \d+ hashes/,
  ],
  [
    'a renewal’s kept node',
    'UPDATE renewal_nodes SET hashes = flip(hashes, 65) WHERE renewal = 3 AND level = 8',
    /\.r1$/,
    /kept node 1 of level 8 is not that of its leaves/,
  ],
  ['a renewal’s token', 'UPDATE renewal_tokens SET token = flip(token, -5) WHERE renewal = 5', /\.r\d$/, /its timestamp does not hold/],
  [
    'an earlier renewal’s token',
    'UPDATE renewal_tokens SET token = flip(token, -5) WHERE renewal = 1',
    /\.r1$/,
    /its timestamp does not hold/,
  ],
  ['a renewal’s token is gone', 'DELETE FROM renewal_tokens WHERE renewal = 5', /\.r\d$/, /its timestamp is missing/],
  [
    'a renewal’s time, written down',
    'UPDATE renewal_tokens SET gen_time = gen_time + 1 WHERE renewal = 5',
    /\.r\d$/,
    /its timestamp is of another time/,
  ],
  [
    'a chain of a renewal',
    'DELETE FROM renewal_chains WHERE renewal = 1 AND leaf = 1',
    /^database$/,
    /renewal .*\.r1 has 2 leaves, but 1 rows/,
  ],
  [
    'the newest renewal of a chain',
    'DELETE FROM renewal_chains WHERE renewal = 5',
    /^database$/,
    /renewal .*\.r2 has 1 leaves, but 0 rows/,
  ],
  [
    'chains change places',
    'UPDATE renewal_chains SET leaf = -1 - leaf WHERE renewal = 2; UPDATE renewal_chains SET leaf = 2 + leaf WHERE renewal = 2',
    /\.r\d$/,
    /does not hold .* as it is kept/,
  ],
  [
    'an object hashed anew',
    'UPDATE renewal_objects SET members = flip(members, 1) WHERE tree = 2 AND leaf = 77',
    /\.r\d$/,
    /does not hold leaf 77 of .* as it is kept/,
  ],
  [
    'an object hashed anew is gone',
    'DELETE FROM renewal_objects WHERE tree = 2 AND leaf = 77',
    /^database$/,
    /renewal .* has 603 leaves, but 602 rows/,
  ],
  [
    'an object’s position',
    'UPDATE renewal_objects SET position = position + 1 WHERE tree = 2 AND leaf = 77',
    /\.r\d$/,
    /does not hold leaf 77 of .* as it is kept/,
  ],
  ['the count of a renewal', 'UPDATE renewal_trees SET leaves = leaves + 1 WHERE tree = 2', /\.r\d$/, /holds 603 leaves, 604 were counted/],
  [
    'a renewal’s number of leaves',
    'UPDATE renewals SET leaves = leaves - 1 WHERE seq = 5',
    /^database$/,
    /renewal .* has 0 leaves, but 1 rows/,
  ],
];

void test('every kind of damage in the database is found, named with its place, and first', async (t) => {
  const { file, settings, fx, clock } = await richArchive(t);
  const copy = join(await temporaryDirectory(t), 'copy.db');
  const source = new Database(file, { readonly: true });
  source.prepare('VACUUM INTO ?').run(copy);
  source.close();
  const db = openDatabase(copy, false);
  t.after(() => db.close());
  db.pragma('foreign_keys = OFF');
  db.function('flip', { deterministic: true }, (bytes: Buffer, at: number) => {
    const place = at < 0 ? bytes.length + at : at;
    return Buffer.from(bytes.map((octet, n) => (n === place ? octet ^ 1 : octet)));
  });
  const store = storeOn(db, clock);
  const findingsOf = async (sql: string): Promise<CheckResult> => {
    db.exec('BEGIN');
    try {
      db.exec('DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete');
      db.exec(sql);
      return await checkArchive({ ...fx, store }, settings.trust);
    } finally {
      db.exec('ROLLBACK');
    }
  };
  const sound = await findingsOf('');
  assert.deepEqual(sound.findings, []);
  assert.deepEqual([sound.trees, sound.renewals], [5, 5]);
  for (const [name, sql, where, what] of table)
    await t.test(name, async () => {
      const { findings } = await findingsOf(sql);
      const [first] = findings.filter(({ severity }) => severity === 'damage');
      assert.ok(first, 'nothing was found');
      const all = findings.map((finding) => `${finding.where}: ${finding.what}`).join('\n');
      assert.match(first.where, where, all);
      assert.match(first.what, what, all);
    });
});
