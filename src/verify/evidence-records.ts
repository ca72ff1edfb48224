import { parseEvidenceRecord } from '../formats/ers.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { canonicalDigest, looksLikeXml } from '../formats/xml.ts';
import { parseXmlEvidenceRecord, type XmlEvidenceChain } from '../formats/xmlers.ts';
import { expectedHashes, sequenceHashesOf, tokenHashes, type EvidenceObject, type ExpectedHash } from './evidence-hashes.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { EvidenceRecordReport } from '../model/verification.ts';

/** An evidence record of either syntax, as far as judging it needs. */
export interface EvidenceRecordContent {
  readonly syntax: EvidenceRecordReport['syntax'];
  readonly chains: readonly EvidenceChain[];
  readonly warnings: readonly string[];
}

export interface EvidenceChain {
  readonly timestamps: readonly EvidenceTimeStamp[];
  /** Hashes that may stand for an object in the chain's first list. Undefined when the object's digest is needed and not known. */
  expected(object: EvidenceObject, digest: AnyDigest): readonly ExpectedHash[] | undefined;
  /** Hashes of which one must stand beside the objects; none where the earlier chains are part of each object's hash, or where there are none. */
  beside(): readonly Buffer[];
}

export interface EvidenceTimeStamp {
  readonly token: TimestampToken;
  readonly digest: AnyDigest;
  /** Absent: the imprint is the one hash. */
  readonly hashTree?: readonly (readonly Buffer[])[];
  /** Hashes that may stand for it in the next timestamp of its chain. */
  hashes(): readonly Buffer[];
  /** Certificates and revocation data beside those in the token. */
  readonly material: TokenMaterial;
}

/** DER; OCSPResponses. */
export interface TokenMaterial {
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
  readonly ocsps: readonly Buffer[];
}

const noMaterial: TokenMaterial = { certificates: [], crls: [], ocsps: [] };

/**
 * Reads a record: RFC 4998 in DER or BER, or RFC 6283. Hostile input; its tokens are read too.
 * @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT, SEAL-DOC-FORMAT
 */
export function readEvidenceRecord(bytes: Buffer): EvidenceRecordContent {
  return looksLikeXml(bytes) ? readXml(bytes) : readDer(bytes);
}

function readDer(bytes: Buffer): EvidenceRecordContent {
  const record = parseEvidenceRecord(bytes);
  const warnings = record.encryptionInfo === undefined ? [] : [encrypted];
  const chains = record.chains.map(({ timestamps }, chain): EvidenceChain => {
    const earlier = record.chains.slice(0, chain);
    const known = new Map<AnyDigest, readonly Buffer[]>();
    return {
      timestamps: timestamps.map((timestamp, index): EvidenceTimeStamp => {
        const token = parseTimestampToken(timestamp.timeStamp);
        const digest = timestamp.digestAlgorithm ?? token.messageImprint.algorithm;
        if (!record.digestAlgorithms.includes(digest))
          warnings.push(`${placeOf(chain, index)}: ${digest} is missing in the record's list of digests`);
        const { reducedHashtree: hashTree } = timestamp;
        return {
          token,
          digest,
          ...(hashTree === undefined ? {} : { hashTree }),
          hashes: () => tokenHashes(timestamp.timeStamp, digest),
          material: noMaterial,
        };
      }),
      expected: (object, digest) => {
        const hash = object.digest(digest);
        const sequence = known.get(digest) ?? sequenceHashesOf(earlier, digest);
        known.set(digest, sequence);
        return hash && expectedHashes(hash, digest, sequence);
      },
      beside: () => [],
    };
  });
  return { syntax: 'RFC 4998', chains, warnings };
}

function readXml(bytes: Buffer): EvidenceRecordContent {
  const record = parseXmlEvidenceRecord(bytes);
  return {
    syntax: 'RFC 6283',
    warnings: record.encrypted ? [encrypted] : [],
    chains: record.chains.map((chain) => ({
      timestamps: chain.timestamps.map(({ hashTree, token, hash, ...material }) => ({
        token: parseTimestampToken(token),
        digest: chain.digest,
        ...(hashTree === undefined ? {} : { hashTree }),
        hashes: () => [hash],
        material,
      })),
      expected: (object, digest) => expectedInXml(chain, object, digest),
      beside: () => chain.sequenceHashes,
    })),
  };
}

/** H(d), and of XML documents the hash of their canonical form, which the RFC wants (RFC 6283 §3.2 step 2, §4.1.2). */
function expectedInXml({ canonicalization }: XmlEvidenceChain, object: EvidenceObject, digest: AnyDigest): ExpectedHash[] | undefined {
  const hash = object.digest(digest);
  if (hash === undefined) return undefined;
  const start = object.bytes?.(64);
  const bytes = start !== undefined && looksLikeXml(start) ? object.bytes?.() : undefined;
  const canonical = bytes && canonicalDigest(bytes, canonicalization, digest);
  return [{ hash }, ...(canonical === undefined ? [] : [{ hash: canonical, canonical: true }])];
}

const encrypted = 'the record is about encrypted objects: give the encrypted bytes';

/** As people count. */
export function placeOf(chain: number, timestamp: number): string {
  return `chain ${chain + 1}, timestamp ${timestamp + 1}`;
}
