import { SealError } from '../errors.ts';
import { parseSignedData, type SignedData } from '../formats/cms.ts';
import { digestOf } from '../formats/digests.ts';
import { PdfDocument } from '../formats/pdf/document.ts';
import { findSignatures, type PdfSignature } from '../formats/pdf/signatures.ts';
import { readValidationData } from '../formats/pdf/validation-data.ts';
import { looseOf, noCertificate } from './chains.ts';
import { judgeChanges } from './pdf-changes.ts';
import { verifyWithCountersignatures } from './countersignatures.ts';
import { verifyToken, type TokenVerdict } from './timestamps.ts';
import type { SignedContent, SignerProblem } from '../formats/cms-verify.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { SignatureReport, TimestampReport } from '../model/verification.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { SignatureQuestion } from './signatures.ts';
import type { ValidationMaterial } from '../formats/validation-values.ts';
import type { CmsFindings } from './cms-files.ts';
import type { VerifyContext } from './context.ts';
import type { VerifyInput } from './types.ts';

/** A header within the first kilobyte, where readers look for it. */
export function looksLikePdf(source: ByteSource): boolean {
  return source.read(0, 1024).includes('%PDF-');
}

/** Signatures without signed attributes are made over the bytes themselves; more than this is not read for them. */
const maxBytes = 256 * 1024 * 1024;

/**
 * Judges the signatures and document timestamps of a PDF (EN 319 142-1, ISO 32000-2 §12.8), the last one first: a document timestamp
 * proves what it covers, and is itself judged as of the next one. Hostile input.
 * @param provenAt UTC ms: earliest time at which the file is proven to have existed; else the time of verification
 * @throws SealError SEAL-DOC-* when the document cannot be read
 */
export function verifyPdfFile(context: VerifyContext, input: VerifyInput, provenAt: number): CmsFindings {
  const signatures: SignatureReport[] = [];
  const timestamps: TimestampReport[] = [];
  let proven = provenAt;
  let archived = false;
  const document = new PdfDocument(input.source, input.password);
  const material = readValidationData(document);
  for (const found of findSignatures(document).reverse()) {
    if (found.kind === 'signature')
      signatures.unshift(...verifyOne(context, input.source, found, { provenAt: proven, material, archived }));
    else {
      const { genTime = Infinity, proves, report } = documentTimestamp(context, input.source, found, proven, material);
      timestamps.unshift(report);
      if (proves) proven = Math.min(proven, genTime);
      archived ||= proves;
    }
  }
  return { signatures, timestamps };
}

/** A verdict, and whether the time in the token proves what it covers. */
interface ProvingVerdict extends TokenVerdict {
  readonly proves: boolean;
}

function documentTimestamp(
  context: VerifyContext,
  source: ByteSource,
  found: PdfSignature,
  at: number,
  material: ValidationMaterial,
): ProvingVerdict {
  const imprint = (algorithm: AnyDigest): Buffer | undefined => covered(source, found).digest(algorithm);
  const verdict = verifyToken(context, found.contents, { kind: 'document-timestamp', at, imprint, pool: looseOf(context, material) });
  const { report } = verdict;
  if (found.errors.length > 0) {
    const words = { indication: 'FAILED', subIndication: 'FORMAT_FAILURE' } as const;
    return { ...verdict, proves: false, report: { ...report, ...words, intact: false, errors: [...found.errors, ...report.errors] } };
  }
  const proves = report.indication === 'PASSED' && report.trusted;
  const changes = judgeChanges(found).problems.map(({ message }) => message);
  if (changes.length === 0 || report.indication !== 'PASSED') return { ...verdict, proves };
  // It still proves what it covers; the document as it is now is another one.
  const words = { indication: 'INDETERMINATE', subIndication: 'SIG_CONSTRAINTS_FAILURE' } as const;
  return { ...verdict, proves, report: { ...report, ...words, errors: changes } };
}

function covered(source: ByteSource, { byteRange }: PdfSignature): SignedContent {
  const size = byteRange.reduce((sum, { length }) => sum + length, 0);
  return {
    digest: (algorithm) => (byteRange.length === 0 ? undefined : source.digest(algorithm, byteRange)),
    bytes: () =>
      size === 0 || size > maxBytes ? undefined : Buffer.concat(byteRange.map(({ offset, length }) => source.read(offset, length))),
  };
}

/** What the rest of the document says about one signature. */
type Surroundings = Required<Pick<SignatureQuestion, 'provenAt' | 'material' | 'archived'>>;

function verifyOne(context: VerifyContext, source: ByteSource, found: PdfSignature, surroundings: Surroundings): SignatureReport[] {
  const { provenAt } = surroundings;
  let cms: SignedData;
  try {
    cms = parseSignedData(found.contents);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return [unreadable(found, provenAt, [...found.errors, error.message])];
  }
  const [signer, ...others] = cms.signers;
  if (signer === undefined) return [unreadable(found, provenAt, [...found.errors, 'the CMS holds no signature'])];
  const problems: SignerProblem[] = found.errors.map((message) => ({ subIndication: 'FORMAT_FAILURE', message }));
  if (others.length > 0) problems.push({ subIndication: 'FORMAT_FAILURE', message: 'the CMS holds several signatures' });
  const content = contentOf(source, found, cms, problems);
  const changes = judgeChanges(found);
  return verifyWithCountersignatures(context, {
    format: 'pades',
    cms,
    signer,
    content,
    scope: scopeOf(source, found),
    ...surroundings,
    problems: [...problems, ...changes.problems],
    warnings: changes.warnings,
    mustNameCertificate: found.subFilter === 'ETSI.CAdES.detached',
    ...(found.subFilter === hashedOnce ? { digests: ['sha1' as const] } : {}),
    ...(found.signingTime === undefined ? {} : { claimedTime: found.signingTime }),
  });
}

/** The CMS is about the SHA-1 of the document (ISO 32000-1 §12.8.3.3.2). */
const hashedOnce = 'adbe.pkcs7.sha1';

/** ISO 32000-2 table 260. */
const detached: ReadonlySet<string> = new Set(['ETSI.CAdES.detached', 'adbe.pkcs7.detached']);

function contentOf(source: ByteSource, found: PdfSignature, cms: SignedData, problems: SignerProblem[]): SignedContent {
  const content = covered(source, found);
  if (detached.has(found.subFilter)) {
    if (cms.content !== undefined)
      problems.push({ subIndication: 'FORMAT_FAILURE', message: 'the CMS holds a content beside the document' });
    return content;
  }
  const [range] = cms.content ?? [];
  if (found.subFilter !== hashedOnce || range === undefined) {
    const message = `signatures of kind ${found.subFilter === '' ? 'without /SubFilter' : found.subFilter} are not supported`;
    problems.push({ subIndication: 'SIG_CONSTRAINTS_FAILURE', message });
    return content;
  }
  const inner = found.contents.subarray(range.offset, range.offset + range.length);
  const fits = content.digest('sha1')?.equals(inner) === true;
  if (!fits) problems.push({ subIndication: 'HASH_FAILURE', message: 'the document is not the one that was signed' });
  return { digest: (algorithm) => digestOf(algorithm, inner), bytes: () => inner };
}

function scopeOf(source: ByteSource, found: PdfSignature): string {
  if (found.coversWholeFile) return 'the whole document';
  return found.coversRevision ? `the first ${found.revisionEnd} of ${source.size} bytes: an earlier revision` : 'not the whole document';
}

function unreadable(found: PdfSignature, provenAt: number, errors: readonly string[]): SignatureReport {
  return {
    format: 'pades',
    level: '-',
    indication: 'TOTAL-FAILED',
    subIndication: 'FORMAT_FAILURE',
    intact: false,
    valid: false,
    trusted: false,
    bestSignatureTime: new Date(provenAt).toISOString(),
    scope: `field ${found.fieldName}`,
    chain: noCertificate,
    timestamps: [],
    errors,
    warnings: [],
  };
}
