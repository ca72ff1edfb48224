import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { levelsAbove, pathIn, rootOf } from '../../src/archive/tree.ts';
import { context, encode, integer, octetString, sequence } from '../../src/formats/der.ts';
import { isDer } from '../../src/formats/der-canonical.ts';
import {
  digestAlgorithmIdentifier,
  digestAlgorithmIdentifierWithNull,
  digestLengths,
  digestOf,
  sha256,
} from '../../src/formats/digests.ts';
import { hashList, reduceTree } from '../../src/formats/ers-hash.ts';
import { encodeEvidenceRecord, recordWriter } from '../../src/formats/ers-write.ts';
import { parseEvidenceRecord, recordLimits } from '../../src/formats/ers.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { SealError } from '../../src/errors.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

const fixtures = new URL('../../fixtures/evidence/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, fixtures));
const token = file('golden/sha256-1.tst');

interface Golden {
  readonly trees: readonly {
    readonly name: string;
    readonly digest: DigestAlgorithm;
    readonly leaves: number;
    readonly root: string;
    readonly records: string;
  }[];
}

function goldenMembers(n: number, digest: DigestAlgorithm): Buffer[] {
  const names = n % 100 === 42 ? [`document ${n}`, `signature ${n}`] : [`document ${n}`];
  return names.map((name) => digestOf(digest, Buffer.from(name)));
}

void test('layout 1 and its encoder never change: golden trees and records, bit for bit', () => {
  const golden = JSON.parse(file('golden/records.json').toString()) as Golden;
  for (const { name, digest, leaves: count, root, records } of golden.trees) {
    const timeStamp = file(`golden/${name}.tst`);
    const leaves = Buffer.concat(Array.from({ length: count }, (_, n) => hashList(goldenMembers(n, digest), digest)));
    assert.equal(rootOf(leaves, digest).toString('hex'), root, name);
    assert.equal(parseTimestampToken(timeStamp).messageImprint.value.toString('hex'), root, name);
    const levels = levelsAbove(leaves, digest);
    const write = recordWriter(digest, timeStamp);
    const all = Array.from({ length: count }, (_, n) => write(goldenMembers(n, digest), pathIn(levels, n, digestLengths[digest])));
    assert.equal(sha256(Buffer.concat(all)).toString('hex'), records, name);
    if (name === 'sha256-700') assert.deepEqual([all[42], all[699]], [file('golden/group-42.ers'), file('golden/single-699.ers')]);
  }
});

const hashes = (digest: DigestAlgorithm) =>
  fc.uint8Array({ minLength: digestLengths[digest], maxLength: digestLengths[digest] }).map((bytes) => Buffer.from(bytes));

void test('the fast writer gives the bytes of the plain one, which are DER and read back as they were meant', () => {
  const arbitrary = fc.constantFrom<DigestAlgorithm>('sha256', 'sha384', 'sha512').chain((digest) =>
    fc.record({
      digest: fc.constant(digest),
      members: fc.array(hashes(digest), { minLength: 1, maxLength: 9 }),
      path: fc.array(hashes(digest), { maxLength: 24 }),
    }),
  );
  fc.assert(
    fc.property(arbitrary, ({ digest, members, path }) => {
      const reducedHashtree = [members, ...path.map((hash) => [hash])];
      const plain = encodeEvidenceRecord([[{ digestAlgorithm: digest, reducedHashtree, timeStamp: token }]]);
      const fast = recordWriter(digest, token)(members, path);
      assert.deepEqual(fast, plain);
      assert.ok(isDer(fast));
      const record = parseEvidenceRecord(fast);
      const [timestamp] = record.chains[0]?.timestamps ?? [];
      assert.deepEqual([record.digestAlgorithms, timestamp?.digestAlgorithm], [[digest], digest]);
      const sorted = [...members].sort((a, b) => Buffer.compare(a, b));
      assert.deepEqual(timestamp?.reducedHashtree, [sorted, ...path.map((hash) => [hash])]);
      assert.deepEqual(timestamp.timeStamp, token);
      assert.deepEqual(reduceTree(timestamp.reducedHashtree ?? [], digest), reduceTree(reducedHashtree, digest));
    }),
    { numRuns: 80 },
  );
});

void test('a record of Basis-ERS: version 1, no optional fields, the digest always written, without NULL', () => {
  const record = recordWriter('sha256', token)([sha256(Buffer.from('x'))], []);
  const head = record.subarray(0, 40);
  assert.ok(head.includes(Buffer.concat([integer(1), sequence(digestAlgorithmIdentifier('sha256'))])));
  const parsed = parseEvidenceRecord(record);
  assert.deepEqual(
    [parsed.cryptoInfos, parsed.encryptionInfo, parsed.chains[0]?.timestamps[0]?.attributes],
    [undefined, undefined, undefined],
  );
});

void test('what others write is read: NULL parameters, attributes, crypto infos, no digest, no tree, BER lengths', () => {
  const algorithm = digestAlgorithmIdentifierWithNull('sha256');
  const chains = sequence(sequence(sequence(encode(context(1, true)), token)));
  const plain = parseEvidenceRecord(sequence(integer(1), sequence(algorithm), encode(context(0, true)), encode(context(1, true)), chains));
  const [timestamp] = plain.chains[0]?.timestamps ?? [];
  assert.ok(plain.cryptoInfos && plain.encryptionInfo && timestamp?.attributes);
  assert.deepEqual([timestamp.digestAlgorithm, timestamp.reducedHashtree], [undefined, undefined]);

  const end = Buffer.alloc(2);
  const open = (...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from([0x30, 0x80]), ...parts, end]);
  const segmented = Buffer.concat([Buffer.from([0x24, 0x80]), octetString(Buffer.alloc(16, 1)), octetString(Buffer.alloc(16, 2)), end]);
  const tree = encode(context(2, true), open(segmented));
  const ber = parseEvidenceRecord(open(integer(1), open(algorithm), open(open(open(tree, token)))));
  assert.deepEqual(ber.chains[0]?.timestamps[0]?.reducedHashtree, [[Buffer.concat([Buffer.alloc(16, 1), Buffer.alloc(16, 2)])]]);
});

void test('a group of very many members is written, read and hashed', () => {
  const members = Array.from({ length: 99_000 }, (_, n) => sha256(Buffer.from(`${n}`)));
  const record = parseEvidenceRecord(recordWriter('sha256', token)(members, []));
  const tree = record.chains[0]?.timestamps[0]?.reducedHashtree ?? [];
  assert.equal(tree[0]?.length, 99_000);
  assert.deepEqual(reduceTree(tree, 'sha256'), hashList(members, 'sha256'));
  assert.deepEqual(
    encodeEvidenceRecord([[{ digestAlgorithm: 'sha256', reducedHashtree: [members], timeStamp: token }]]).length > 3_000_000,
    true,
  );
});

void test('malformed records end in an error with a code, never in a crash', () => {
  const good = file('golden/group-42.ers');
  const spoilt = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
    fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(value, at);
      return bytes;
    }),
  );
  fc.assert(
    fc.property(spoilt, (bytes) => {
      try {
        parseEvidenceRecord(bytes);
      } catch (thrown) {
        assert.ok(thrown instanceof SealError && /^SEAL-(INPUT-INVALID|DOC-LIMIT)$/.test(thrown.code), String(thrown));
      }
    }),
    { numRuns: 400 },
  );
});

void test('records without chains or hashes, of another version, with trailing bytes or beyond a limit are refused', () => {
  const list = sequence(digestAlgorithmIdentifier('sha256'));
  const withTree = (tree: Buffer): Buffer =>
    sequence(integer(1), list, sequence(sequence(sequence(encode(context(2, true), tree), token))));
  const refused: [Buffer, string][] = [
    [sequence(integer(2), list, sequence(sequence(sequence(token)))), 'SEAL-INPUT-INVALID'],
    [sequence(integer(1), list, sequence()), 'SEAL-INPUT-INVALID'],
    [sequence(integer(1), list, sequence(sequence())), 'SEAL-INPUT-INVALID'],
    [withTree(Buffer.alloc(0)), 'SEAL-INPUT-INVALID'],
    [withTree(sequence()), 'SEAL-INPUT-INVALID'],
    [Buffer.concat([file('golden/single-699.ers'), Buffer.alloc(1)]), 'SEAL-INPUT-INVALID'],
    [
      sequence(integer(1), list, sequence(...Array.from({ length: recordLimits.chains + 1 }, () => sequence(sequence(token))))),
      'SEAL-DOC-LIMIT',
    ],
    [
      withTree(sequence(Buffer.concat(Array.from({ length: recordLimits.hashes + 1 }, () => octetString(Buffer.alloc(0)))))),
      'SEAL-DOC-LIMIT',
    ],
    [
      sequence(integer(1), list, sequence(sequence(...Array.from({ length: recordLimits.timestamps + 1 }, () => sequence(sequence()))))),
      'SEAL-DOC-LIMIT',
    ],
  ];
  for (const [bytes, code] of refused) assert.throws(() => parseEvidenceRecord(bytes), { code });
});
