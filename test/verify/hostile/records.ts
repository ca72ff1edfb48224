import { digestAlgorithmIdentifier } from '../../../src/formats/algorithms.ts';
import { context, encode, integer, octetString, sequence, Tag } from '../../../src/formats/der.ts';
import { sha256 } from '../../../src/formats/digests.ts';
import { encodeArchiveTimeStamp } from '../../../src/formats/ers-write.ts';
import { frozenToken, initialChains } from '../../support/evidence.ts';
import type { TestAuthority } from '../../support/authority.ts';

/** Evidence records that hold more of everything than anybody needs. */

const paper = Buffer.from('paper\n');

function record(...chains: readonly Buffer[]): Buffer {
  return sequence(integer(1), sequence(digestAlgorithmIdentifier('sha256')), sequence(...chains));
}

/** Chains of the same timestamps over and over. */
export async function manyChains(authority: TestAuthority, chains: number, timestamps: number): Promise<Buffer> {
  const [[first]] = (await initialChains({ authority, time: authority.now() - 1000, digest: 'sha256' }, [paper], 3)) as [
    [Parameters<typeof encodeArchiveTimeStamp>[0]],
  ];
  const chain = sequence(...Array.from<Buffer>({ length: timestamps }).fill(encodeArchiveTimeStamp(first)));
  return record(...Array.from<Buffer>({ length: chains }).fill(chain));
}

/** A hash tree of millions of lists, empty or with one hash each. */
export async function manyLists(authority: TestAuthority, count: number, list: Buffer): Promise<Buffer> {
  const token = await frozenToken({ authority, time: authority.now() - 1000, digest: 'sha256' }, sha256(paper));
  const tree = encode(context(2, true), Buffer.alloc(list.length * count, list));
  return record(sequence(sequence(tree, token)));
}

export const emptyList: Buffer = encode(Tag.sequence);
export const oneHash: Buffer = sequence(octetString(sha256(paper)));
