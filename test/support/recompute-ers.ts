import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fromBER, Integer, ObjectIdentifier, OctetString, type BaseBlock } from 'asn1js';

const digests: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/**
 * RFC 4998 §4.3 and §5.3 a second time, straight from the text, with asn1js and node's crypto and no line of ours: every hash of an evidence record,
 * from the objects to the imprint of each timestamp. Signatures are not looked at. @returns timestamps of each chain
 */
export function recomputeRecord(record: Buffer, objects: readonly Buffer[]): number[] {
  const [version, , ...rest] = parts(read(record));
  assert.equal(version instanceof Integer && version.valueBlock.valueDec, 1);
  const chains = parts(demand(rest.at(-1)));
  const lengths: number[] = [];
  let newest = '';
  for (const [position, chain] of chains.entries()) {
    const stamps = parts(chain).map(timestamp);
    const { digest } = demand(stamps[0]);
    const hash = (...pieces: readonly Uint8Array[]): string => hashed(digest, ...pieces);
    const ha = position === 0 ? undefined : hash(sequence(chains.slice(0, position).map(raw)));
    const earlier: Uint8Array[] = [];
    for (const [n, stamp] of stamps.entries()) {
      assert.equal(stamp.digest, digest, 'one digest a chain');
      const wanted =
        n > 0
          ? earlier.map((token) => hash(token))
          : objects.map((object) => (ha === undefined ? hash(object) : hash(bytes(hash(object)), bytes(ha))));
      const [first = [], ...others] = stamp.lists;
      for (const one of wanted) assert.ok(first.includes(one), `list 0 of timestamp ${n} in chain ${position}`);
      if (n > 0) assert.equal(first.length, wanted.length, 'all tokens of the chain and nothing else');
      const root = others.reduce((found, list) => joined([...list, found], hash), joined(first, hash));
      assert.deepEqual([stamp.imprintDigest, stamp.imprint], [digest, root], `timestamp ${n} in chain ${position}`);
      assert.ok(stamp.genTime > newest, 'each timestamp is later than the one before');
      newest = stamp.genTime;
      earlier.push(stamp.token);
    }
    lengths.push(stamps.length);
  }
  return lengths;
}

/** Hexadecimal values, sorted, concatenated and hashed; one alone stays as it is. */
function joined(values: readonly string[], hash: (...pieces: readonly Uint8Array[]) => string): string {
  const [only = '', ...more] = [...values].sort();
  return more.length === 0 ? only : hash(...[only, ...more].map(bytes));
}

interface Stamped {
  readonly digest: string;
  /** Hexadecimal. */
  readonly lists: readonly (readonly string[])[];
  readonly token: Uint8Array;
  readonly imprintDigest: string;
  readonly imprint: string;
  /** As written: `20261122062129Z`. */
  readonly genTime: string;
}

/** ArchiveTimeStamp with [0] digestAlgorithm and [2] reducedHashtree. */
function timestamp(block: BaseBlock): Stamped {
  const fields = parts(block);
  const tagged = (number: number): BaseBlock =>
    demand(fields.find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === number));
  const token = demand(fields.at(-1));
  const [, content] = parts(token);
  const [, , encapsulated] = parts(demand(parts(demand(content))[0]));
  const [, explicit] = parts(demand(encapsulated));
  const info = demand(parts(demand(explicit))[0]);
  assert.ok(info instanceof OctetString);
  const [, , imprint, , genTime] = parts(read(Buffer.from(info.getValue())));
  const [algorithm, value] = parts(demand(imprint));
  const lists = parts(tagged(2)).map((list) => parts(list).map(content16));
  return {
    digest: digestOf(demand(parts(tagged(0))[0])),
    lists,
    token: raw(token),
    imprintDigest: digestOf(demand(parts(demand(algorithm))[0])),
    imprint: content16(demand(value)),
    genTime: Buffer.from(raw(demand(genTime))).toString('latin1', 2),
  };
}

function read(der: Buffer): BaseBlock {
  const { result, offset } = fromBER(der);
  assert.equal(offset, der.length);
  return result;
}

function parts(block: BaseBlock): BaseBlock[] {
  const { value } = block.valueBlock as unknown as { readonly value?: BaseBlock[] };
  return value ?? [];
}

function raw(block: BaseBlock): Uint8Array {
  return block.valueBeforeDecodeView;
}

function digestOf(block: BaseBlock): string {
  assert.ok(block instanceof ObjectIdentifier);
  return digests[block.valueBlock.toString()] ?? 'unknown';
}

function content16(block: BaseBlock): string {
  assert.ok(block instanceof OctetString);
  return Buffer.from(block.getValue()).toString('hex');
}

function hashed(digest: string, ...pieces: readonly Uint8Array[]): string {
  const hash = createHash(digest);
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

/** DER SEQUENCE around encoded elements. */
function sequence(elements: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(elements);
  const length = content.length.toString(16);
  const octets = bytes(length.padStart(length.length + (length.length % 2), '0'));
  const head = content.length < 0x80 ? Buffer.from([0x30, content.length]) : Buffer.from([0x30, 0x80 | octets.length, ...octets]);
  return Buffer.concat([head, content]);
}

function demand<T>(value: T | undefined): T {
  assert.ok(value !== undefined, 'a field is missing');
  return value;
}
