import { SealError } from '../errors.ts';
import { looksLikeSignedData } from '../formats/cms.ts';
import { verifyCmsFile, type CmsFindings } from './cms-files.ts';
import { VerifyContext, TrustKeeper } from './context.ts';
import { looksLikeEvidenceRecord, verifyEvidence } from './evidence-files.ts';
import { fileVerdict, type Verdict } from './indications.ts';
import { looksLikePdf, verifyPdfFile } from './pdf-files.ts';
import type { FileReport } from '../model/verification.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { Verified, VerifyOptions } from '../ports/documents.ts';
import type { VerifyInput } from './types.ts';

export { TrustKeeper } from './context.ts';
export type { NamedSource, VerifyInput } from './types.ts';

/**
 * Verifies one file: the signatures and timestamps in it, or beside the documents given with it, and evidence records about it. Hostile
 * input: what is wrong with it is in the report.
 * @param keeper keeps trust and parsed certificates between files; one per thread
 * @throws SealError SEAL-DOC-LIMIT when it exceeds a limit of the parsers; SEAL-DISK-* when reading fails
 */
export function verifyFile(input: VerifyInput, options: VerifyOptions, keeper: TrustKeeper = new TrustKeeper()): Verified {
  const context = new VerifyContext(options, keeper);
  const evidence = verifyEvidence(context, input);
  const provenAt = Math.min(options.at, evidence.provenAt);
  const { errors, findings, problem } = verifyContent(context, input, provenAt);
  const parts = { ...findings, evidenceRecords: evidence.reports };
  const { indication, subIndication } = problem ?? fileVerdict(parts);
  const report: FileReport = {
    file: input.name,
    ...digestsOf(input),
    indication,
    ...(subIndication === undefined ? {} : { subIndication }),
    evaluation: context.evaluation,
    validationTime: new Date(options.at).toISOString(),
    ...parts,
    errors,
  };
  return { report, wanted: context.wanted };
}

interface Content {
  readonly findings: CmsFindings;
  readonly errors: readonly string[];
  /** The file is malformed as a whole. */
  readonly problem?: Verdict;
}

const nothing: CmsFindings = { signatures: [], timestamps: [] };

function verifyContent(context: VerifyContext, input: VerifyInput, provenAt: number): Content {
  try {
    const findings = findingsOf(context, input, provenAt);
    const empty = findings.signatures.length + findings.timestamps.length === 0;
    const bare = empty && input.evidence.length === 0 && !looksLikeEvidenceRecord(input.source);
    return { findings, errors: bare ? ['the file holds no signature and no timestamp'] : [] };
  } catch (error) {
    if (!(error instanceof SealError) || !isVerdict(error)) throw error;
    return { findings: nothing, errors: [error.message], problem: { indication: 'TOTAL-FAILED', subIndication: 'FORMAT_FAILURE' } };
  }
}

function isVerdict({ code }: SealError): boolean {
  return code === 'SEAL-INPUT-INVALID' || code === 'SEAL-DOC-DAMAGED' || code === 'SEAL-DOC-FORMAT';
}

function findingsOf(context: VerifyContext, input: VerifyInput, provenAt: number): CmsFindings {
  const { source } = input;
  // In this order: a PDF enclosed in a CMS shows its header early too.
  if (looksLikeSignedData(source)) return verifyCmsFile(context, input, provenAt);
  if (looksLikePdf(source)) return verifyPdfFile(context, input, provenAt);
  return nothing;
}

function digestsOf({ fileDigests, source }: { readonly fileDigests: VerifyInput['fileDigests']; readonly source: ByteSource }) {
  return { size: source.size, digests: fileDigests.map((algorithm) => [algorithm, source.digest(algorithm).toString('hex')] as const) };
}
