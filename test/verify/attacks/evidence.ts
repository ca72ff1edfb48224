import { digestOf } from '../../../src/formats/digests.ts';
import { context, encode, octetString, oid, sequence } from '../../../src/formats/der.ts';
import { digestAlgorithmIdentifier } from '../../../src/formats/algorithms.ts';
import { encodeArchiveTimeStamp, encodeEvidenceRecord, type ArchiveTimeStampContent } from '../../../src/formats/ers-write.ts';
import { hashList, reduceTree } from '../../../src/formats/ers-hash.ts';
import { oids } from '../../../src/formats/oids.ts';
import { testAuthority } from '../../support/authority.ts';
import { frozenToken, initialChains, renewHashTree, renewTimestamp, type Chains } from '../../support/evidence.ts';
import { collector, trustIn, type Attack, type Trust } from './attack.ts';
import type { DigestAlgorithm } from '../../../src/model/algorithms.ts';

const day = 86_400_000;
const authority = testAuthority({ name: 'Attacks Evidence' });
const now = authority.now();
const at = (days: number) => ({ authority, time: now + days * day });
const paper = Buffer.from('Land register, sheet 4711\n');
const other = Buffer.from('Land register, sheet 9999\n');
const documents = { 'sheet.txt': paper };

function trustNow(more: Partial<Trust> = {}): Trust {
  authority.setTime(now);
  return trustIn(authority, more);
}

const hash = (bytes: Buffer, digest: DigestAlgorithm = 'sha256'): Buffer => digestOf(digest, bytes);

/** A timestamp over a tree of these lists, whatever stands in them. */
async function stamp(
  days: number,
  lists: readonly (readonly Buffer[])[],
  root = reduceTree(lists, 'sha256'),
  digest: DigestAlgorithm = 'sha256',
): Promise<ArchiveTimeStampContent> {
  return { digestAlgorithm: digest, reducedHashtree: lists, timeStamp: await frozenToken({ ...at(days), digest }, root) };
}

/** Hash trees. */
export async function treeAttacks(): Promise<readonly Attack[]> {
  const single = await initialChains({ ...at(-60), digest: 'sha256' }, [paper], 5);
  const [[first]] = single as [[ArchiveTimeStampContent]];
  const lists = first.reducedHashtree;
  const pair = [hash(other), hash(Buffer.from('third'))] as const;
  const inner = hashList(pair, 'sha256');
  const group = await initialChains({ ...at(-60), digest: 'sha256' }, [paper, other], 3);
  const treeless = await frozenToken({ ...at(-60), digest: 'sha256' }, hash(paper));
  const forInner = await stamp(-60, [[hash(paper), hash(other)]]);
  const unsorted = await stamp(
    -60,
    [pair.map((one) => one).sort((a, b) => Buffer.compare(b, a)), [hash(paper)]],
    hash(Buffer.concat([hash(Buffer.concat([...pair].sort((a, b) => Buffer.compare(b, a)))), hash(paper)])),
  );
  const shorter = await stamp(-60, [[hash(paper)], [Buffer.alloc(16, 1)]]);
  const foreign = await stamp(-60, [[hash(paper)], [hash(other)]], hash(Buffer.from('else')));
  const { attacks, add } = collector('record', trustNow());
  const beside = { documents };
  const failed = 'TOTAL-FAILED HASH_FAILURE';
  const record = (...timestamps: ArchiveTimeStampContent[]): Buffer => encodeEvidenceRecord([timestamps]);
  add('sound: one of six', 'TOTAL-PASSED', encodeEvidenceRecord(single), beside);
  add('sound: a group of two', 'TOTAL-PASSED', encodeEvidenceRecord(group), { documents: { ...documents, 'other.txt': other } });
  add(
    'sound: a timestamp without a tree',
    'TOTAL-PASSED',
    sequence(Buffer.from([2, 1, 1]), sequence(digestAlgorithmIdentifier('sha256')), sequence(sequence(sequence(treeless)))),
    beside,
  );
  add('another document', failed, encodeEvidenceRecord(single), { documents: { 'sheet.txt': other } });
  add('the first list names the document, the tree leads elsewhere', failed, record(foreign), beside);
  add('the document stands in the second list only', failed, record(await stamp(-60, [[hash(other)], [hash(paper)]])), beside);
  add('the first list lacks the document', failed, record({ ...first, reducedHashtree: [[hash(other)], ...lists.slice(1)] }), beside);
  add(
    'hash of the document put into a list of another tree',
    failed,
    record({ ...first, reducedHashtree: [[...(lists[0] ?? []), hash(other)], ...lists.slice(1)] }),
    { documents: { 'sheet.txt': other } },
  );
  add('a list left out', failed, record({ ...first, reducedHashtree: lists.slice(0, -1) }), beside);
  add('lists exchanged', failed, record({ ...first, reducedHashtree: [lists[0] ?? [], ...lists.slice(1).toReversed()] }), beside);
  add(
    'an inner node offered as a document: its two hashes one behind the other',
    'TOTAL-PASSED',
    record(await stamp(-60, [[inner], [hash(paper)]])),
    {
      documents: { 'node.bin': Buffer.concat([...pair].sort((a, b) => Buffer.compare(a, b))) },
      note: 'RFC 4998 does not tell nodes from leaves: whoever has it archived those 64 bytes',
    },
  );
  add('inner node in place of the document', failed, record(await stamp(-60, [[inner], [hash(other)]])), beside);
  add(
    'the root alone, as if it were the document',
    failed,
    record({ ...forInner, reducedHashtree: [[reduceTree(forInner.reducedHashtree, 'sha256')]] }),
    beside,
  );
  add('lists hashed in descending order', failed, record(unsorted), { documents: { 'sheet.txt': other } });
  add('a hash of another length', failed, record(shorter), beside);
  add(
    'sound: the same hash twice in a list',
    'TOTAL-PASSED',
    record(await stamp(-60, [[hash(paper), hash(paper)], [hash(other)]])),
    beside,
  );
  return attacks;
}

/** Renewals. */
export async function renewalAttacks(): Promise<readonly Attack[]> {
  const initial = await initialChains({ ...at(-60), digest: 'sha256' }, [paper], 5);
  const stranger = await initialChains({ ...at(-60), digest: 'sha256' }, [other], 5);
  const renewed = await renewTimestamp(at(-40), initial);
  const rehashed = await renewHashTree({ ...at(-30), digest: 'sha512' }, renewed, [paper]);
  const wrongTree = await renewHashTree({ ...at(-30), digest: 'sha512' }, stranger, [paper]);
  const wrongDocument = await renewHashTree({ ...at(-30), digest: 'sha512' }, renewed, [other]);
  const backwards = await renewTimestamp(at(-70), initial);
  const backwardsTree = await renewHashTree({ ...at(-70), digest: 'sha512' }, initial, [paper]);
  const bare = await stamp(-30, [[hash(paper, 'sha512')]], hash(paper, 'sha512'), 'sha512');
  const onlySequence = await renewHashTree({ ...at(-30), digest: 'sha512' }, renewed, []);
  const mixed = await renewHashTree({ ...at(-30), digest: 'sha512' }, initial, [paper]);
  const loose = await stamp(-40, [[hash(other)], [hash(paper)]]);
  const future = await renewTimestamp(at(3), initial);
  const { attacks, add } = collector('record', trustNow());
  const beside = { documents };
  const failed = 'TOTAL-FAILED HASH_FAILURE';
  const put = (chains: Chains): Buffer => encodeEvidenceRecord(chains);
  add('sound: renewed', 'TOTAL-PASSED', put(renewed), beside);
  add('sound: renewed and re-hashed', 'TOTAL-PASSED', put(rehashed), beside);
  add('renewal does not cover the timestamp before it', failed, put([[...(initial[0] ?? []), loose]]), beside);
  add('renewal of another record', failed, put([[...(initial[0] ?? []), ...(renewed[0] ?? []).slice(1), ...(stranger[0] ?? [])]]), beside);
  add('renewal older than what it renews', 'TOTAL-FAILED TIMESTAMP_ORDER_FAILURE', put(backwards), beside);
  add('re-hash older than what it renews', 'TOTAL-FAILED TIMESTAMP_ORDER_FAILURE', put(backwardsTree), beside);
  add('re-hash over the chains of another record', failed, put([...renewed, ...wrongTree.slice(1)]), beside);
  add('re-hash of another document', failed, put(wrongDocument), beside);
  add('re-hash without the chains before it', failed, put([...renewed, [bare]]), beside);
  add(
    're-hash without the document',
    failed,
    put(
      onlySequence.map((chain, index) =>
        index === 0 ? chain : chain.map((one) => ({ ...one, reducedHashtree: one.reducedHashtree.filter((list) => list.length > 0) })),
      ),
    ),
    beside,
  );
  add('chains exchanged', 'TOTAL-FAILED TIMESTAMP_ORDER_FAILURE', put(rehashed.toReversed()), beside);
  add('first chain left out', failed, put(rehashed.slice(1)), beside);
  add('a timestamp left out of the first chain', failed, put([(rehashed[0] ?? []).slice(0, 1), ...rehashed.slice(1)]), beside);
  add('two digests in one chain', 'TOTAL-FAILED FORMAT_FAILURE', put([[...(initial[0] ?? []), ...(mixed[1] ?? [])]]), beside);
  add('renewal from the future', 'INDETERMINATE TIMESTAMP_ORDER_FAILURE', put(future), beside);
  const [[one]] = initial as [[ArchiveTimeStampContent]];
  const mislabelled = encodeArchiveTimeStamp({ ...one, digestAlgorithm: 'sha512' });
  add(
    'the record names another digest than its timestamp',
    'TOTAL-FAILED FORMAT_FAILURE',
    sequence(Buffer.from([2, 1, 1]), sequence(digestAlgorithmIdentifier('sha512')), sequence(sequence(mislabelled))),
    beside,
  );
  const encrypted = encode(context(1, true), oid(oids.data), octetString(Buffer.alloc(0)));
  add(
    'version 2',
    'INDETERMINATE SIGNED_DATA_NOT_FOUND',
    Buffer.from(put(initial)).fill(2, put(initial).indexOf(Buffer.from([2, 1, 1])) + 2, put(initial).indexOf(Buffer.from([2, 1, 1])) + 3),
    { ...beside, note: 'a record of another version is not taken for one' },
  );
  add(
    'sound: said to be about encrypted bytes',
    'TOTAL-PASSED',
    sequence(
      Buffer.from([2, 1, 1]),
      sequence(digestAlgorithmIdentifier('sha256')),
      encrypted,
      sequence(sequence(encodeArchiveTimeStamp(one))),
    ),
    beside,
  );
  return attacks;
}

/** The authorities behind the timestamps. */
export async function authorityAttacks(): Promise<readonly Attack[]> {
  const make = async (name: string, end: number | undefined, renewAt: number | undefined, revoke?: 'keyCompromise') => {
    const ending = testAuthority({ name, now: now - 90 * day, ...(end === undefined ? {} : { tsaNotAfter: now + end * day }) });
    const initial = await initialChains({ authority: ending, time: now - 60 * day, digest: 'sha256' }, [paper], 3);
    const chains = renewAt === undefined ? initial : await renewTimestamp(at(renewAt), initial);
    ending.setTime(now);
    if (revoke) ending.revoke(ending.tsaIdentity, { at: now - 50 * day, reason: revoke });
    const own = trustNow();
    const trust = { ...own, anchors: [...own.anchors, ending.root.certificate], crls: [...own.crls, ...ending.crls()] };
    return { record: encodeEvidenceRecord(chains), trust };
  };
  const { attacks, add } = collector('record', trustNow());
  const put = (name: string, ours: string, { record, trust }: { readonly record: Buffer; readonly trust: Trust }, note?: string): void => {
    add(name, ours, record, { documents, trust, ...(note === undefined ? {} : { note }) });
  };
  put('sound: authority expired, renewed before', 'TOTAL-PASSED', await make('Ending A', -20, -30));
  put('authority expired, never renewed', 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', await make('Ending B', -20, undefined));
  put('authority expired, renewed after its end', 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', await make('Ending C', -30, -20));
  put(
    'authority lost its key, never renewed',
    'INDETERMINATE REVOKED_NO_POE',
    await make('Ending D', undefined, undefined, 'keyCompromise'),
  );
  put('authority lost its key before the renewal', 'INDETERMINATE REVOKED_NO_POE', await make('Ending E', undefined, -30, 'keyCompromise'));
  const nobody = await make('Ending F', undefined, undefined);
  put('authority unknown', 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND', { ...nobody, trust: trustNow() });
  return attacks;
}
