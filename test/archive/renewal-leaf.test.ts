import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainLeaf, demandRenewalLayout, objectLeaf, renewalLayout } from '../../src/archive/renewal-leaf.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { hashList, reduceTree } from '../../src/formats/ers-hash.ts';
import { assembleSequence, encodeArchiveTimeStamp } from '../../src/formats/ers-write.ts';
import { xmlSequenceHash, xmlTimeStampHash } from '../../src/formats/xmlers-write.ts';

const tokens = [Buffer.from('first token'), Buffer.from('second token')];
const hash = (bytes: Buffer): Buffer => digestOf('sha256', bytes);
const hashTree = [[hash(Buffer.from('document'))]];
const [token] = tokens as [Buffer, Buffer];
const earlier = {
  chains: [
    {
      digest: 'sha256' as const,
      timestamps: [encodeArchiveTimeStamp({ digestAlgorithm: 'sha256', reducedHashtree: hashTree, timeStamp: token })],
    },
  ],
  xml: [{ digest: 'sha256' as const, timestamps: [{ hashTree, timeStamp: token }] }],
};
const members = [digestOf('sha512', Buffer.from('document')), digestOf('sha512', Buffer.from('signature'))];
const ha = digestOf('sha512', assembleSequence(earlier.chains));
const rehashed = members.map((member) => digestOf('sha512', member, ha));

void test('a leaf of a renewal is the same from its RFC 4998 and from its RFC 6283 form', () => {
  const chain = chainLeaf(tokens, 'sha256', renewalLayout);
  assert.deepEqual(chain.der[0], tokens.map(hash));
  assert.deepEqual(chain.xml?.[0], [xmlTimeStampHash(tokens[1] ?? token, 'sha256')]);
  const object = objectLeaf(members, earlier, 'sha512', renewalLayout);
  assert.deepEqual(object.der[0], rehashed);
  assert.deepEqual(object.xml?.[0], [...members, xmlSequenceHash(earlier.xml, 'sha512')]);
  for (const [leaf, digest] of [
    [chain, 'sha256'],
    [object, 'sha512'],
  ] as const) {
    assert.deepEqual(reduceTree(leaf.der, digest), leaf.hash);
    assert.deepEqual(reduceTree(leaf.xml ?? [], digest), leaf.hash);
  }
});

void test('renewals of layout 1 keep their leaves, and so do objects behind them: RFC 4998 alone', () => {
  assert.deepEqual(chainLeaf(tokens, 'sha256', 1), { hash: hashList(tokens.map(hash), 'sha256'), der: [tokens.map(hash)], xml: undefined });
  const alone = { hash: hashList(rehashed, 'sha512'), der: [rehashed], xml: undefined };
  assert.deepEqual(objectLeaf(members, earlier, 'sha512', 1), alone);
  assert.deepEqual(objectLeaf(members, { ...earlier, xml: undefined }, 'sha512', renewalLayout), alone);
});

void test('a renewal of a layout that is not known is refused', () => {
  demandRenewalLayout(1);
  demandRenewalLayout(renewalLayout);
  assert.throws(() => {
    demandRenewalLayout(3);
  }, /layout 3/);
});
