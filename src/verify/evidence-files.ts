import { SealError, type ErrorCode } from '../errors.ts';
import { readElement, Tag } from '../formats/der.ts';
import { looksLikeSignedData } from '../formats/cms.ts';
import { parseOcspResponse } from '../formats/ocsp.ts';
import { looksLikeXml } from '../formats/xml.ts';
import { looksLikeXmlEvidenceRecord } from '../formats/xmlers.ts';
import { verifyEvidenceRecord } from './evidence.ts';
import { digestedSource, knownByDigest, type DigestedObject, type VerifyInput } from './types.ts';
import { judgeToken } from './timestamps.ts';
import type { EvidenceRecordReport } from '../model/verification.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { Pool } from '../pki/chain.ts';
import type { VerifyContext } from './context.ts';
import type { TokenMaterial } from './evidence-records.ts';

/** Evidence records are small; what is longer is none. */
const maxRecord = 64 * 1024 * 1024;

export interface EvidenceFindings {
  readonly reports: readonly EvidenceRecordReport[];
  /** UTC ms: since when the file itself is proven; Infinity when nothing proves it. */
  readonly provenAt: number;
}

/** Whether a file is an EvidenceRecord (RFC 4998 §3.1, RFC 6283 §2.1) rather than something that one may be about. */
export function looksLikeEvidenceRecord(source: ByteSource): boolean {
  if (looksLikeXmlEvidenceRecord(source)) return true;
  const head = source.read(0, 16);
  try {
    const at = (head[1] ?? 0) & 0x80 ? 2 + ((head[1] ?? 0) & 0x7f) : 2;
    return head[0] === Tag.sequence && readElement(head, at).raw.equals(Buffer.from('020101', 'hex'));
  } catch {
    return false;
  }
}

/**
 * Judges the evidence records that came with a file, and the file itself when it is one, against everything that was given: the file, the
 * documents, the digests.
 */
export function verifyEvidence(context: VerifyContext, input: VerifyInput): EvidenceFindings {
  const own = looksLikeEvidenceRecord(input.source);
  const documents = [...input.detached.map(digestedSource), ...knownByDigest(input.digests)];
  const objects = own ? documents : [digestedSource(input), ...documents];
  const records = [...(own ? [input.source.read(0, maxRecord)] : []), ...input.evidence.map(({ bytes }) => bytes)];
  const reports = records.map((record) => (looksLikeSignedData(input.source) ? judgeMembers : judgeRecord)(context, record, objects));
  return { reports, provenAt: provenBy(reports, input.name) };
}

/** UTC ms: since when records prove an object; Infinity when none does. */
export function provenBy(reports: readonly EvidenceRecordReport[], name: string): number {
  const proofs = reports.flatMap(({ covered, indication, provenSince }) =>
    indication === 'PASSED' && provenSince !== undefined && covered.includes(name) ? [Date.parse(provenSince)] : [],
  );
  return Math.min(Infinity, ...proofs);
}

/** A record that holds a single hash need not cover both a detached signature and its document: the one that it covers is proven. */
function judgeMembers(context: VerifyContext, record: Buffer, objects: readonly DigestedObject[]): EvidenceRecordReport {
  const whole = judgeRecord(context, record, objects);
  if (whole.indication === 'PASSED' || whole.covered.length === 0 || whole.covered.length === objects.length) return whole;
  const part = judgeRecord(
    context,
    record,
    objects.filter(({ name }) => whole.covered.includes(name)),
  );
  if (part.indication !== 'PASSED' || part.warnings.length > 0) return whole;
  const others = objects.filter(({ name }) => !whole.covered.includes(name)).map(({ name }) => name);
  return { ...part, warnings: [`the record does not cover ${others.join(', ')}`] };
}

/** Judges one record. Hostile input: what cannot be read is a verdict. @throws SealError SEAL-DOC-LIMIT */
export function judgeRecord(context: VerifyContext, record: Buffer, objects: readonly DigestedObject[]): EvidenceRecordReport {
  try {
    return verifyEvidenceRecord(record, objects, {
      at: context.options.at,
      // Without trust only the structure is judged: no end dates.
      catalogue: context.trust?.catalogue ?? [],
      judge: (token, at, material) => judgeToken(context, token, { kind: 'evidence-record', at, pool: poolOf(context, material) }),
    });
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    const words = unreadable[error.code];
    if (words === undefined) throw error;
    const syntax = looksLikeXml(record) ? 'RFC 6283' : 'RFC 4998';
    return { syntax, ...words, covered: [], chains: [], errors: [error.message], warnings: [] };
  }
}

/** What it means that a record cannot be read. */
const unreadable: Partial<Record<ErrorCode, Pick<EvidenceRecordReport, 'indication' | 'subIndication'>>> = {
  'SEAL-INPUT-INVALID': { indication: 'FAILED', subIndication: 'FORMAT_FAILURE' },
  'SEAL-DOC-FORMAT': { indication: 'INDETERMINATE', subIndication: 'CUSTOM' },
};

/** What came beside a token; pieces that cannot be read count for nothing. */
function poolOf({ cache }: VerifyContext, { certificates, crls, ocsps }: TokenMaterial): Pool {
  return {
    certificates: certificates.flatMap((der) => readable(() => cache.certificate(der))),
    crls,
    ocsps: ocsps.flatMap((der) => readable(() => parseOcspResponse(der).basic)),
  };
}

function readable<T>(read: () => T | undefined): T[] {
  try {
    const found = read();
    return found === undefined ? [] : [found];
  } catch {
    return [];
  }
}
