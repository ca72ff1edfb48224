import { SealError } from '../errors.ts';
import { looksLikeSignedData } from '../formats/cms.ts';
import { looksLikeAsic } from './asic-container.ts';
import { verifyAsicFile, type ContainerFindings } from './asic-files.ts';
import { verifyCmsFile, type CmsFindings } from './cms-files.ts';
import { VerifyContext, TrustKeeper } from './context.ts';
import { looksLikeEvidenceRecord, verifyEvidence } from './evidence-files.ts';
import { fileVerdict, worstOf } from './indications.ts';
import { looksLikePdf, verifyPdfFile } from './pdf-files.ts';
import type { EvidenceRecordReport, FileReport } from '../model/verification.ts';
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
  const { errors, problems, ...parts } = looksLikeAsic(input) ? verifyContainer(context, input) : verifySingle(context, input);
  const { indication, subIndication } = worstOf([fileVerdict(parts), ...problems]) ?? fileVerdict(parts);
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

function verifyContainer(context: VerifyContext, input: VerifyInput): ContainerFindings {
  return malformedIsVerdict(
    () => verifyAsicFile(context, input),
    () => verifyEvidence(context, input).reports,
  );
}

function verifySingle(context: VerifyContext, input: VerifyInput): ContainerFindings {
  const { reports, provenAt } = verifyEvidence(context, input);
  return malformedIsVerdict(
    () => {
      const findings = findingsOf(context, input, Math.min(context.options.at, provenAt));
      const empty = findings.signatures.length + findings.timestamps.length === 0;
      const bare = empty && input.evidence.length === 0 && !looksLikeEvidenceRecord(input.source);
      return { ...findings, evidenceRecords: reports, errors: bare ? ['the file holds no signature and no timestamp'] : [], problems: [] };
    },
    () => reports,
  );
}

/** A file that is malformed as a whole. */
function malformedIsVerdict(judge: () => ContainerFindings, records: () => readonly EvidenceRecordReport[]): ContainerFindings {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof SealError) || !isVerdict(error)) throw error;
    const problems = [{ indication: 'TOTAL-FAILED', subIndication: 'FORMAT_FAILURE' }] as const;
    return { signatures: [], timestamps: [], evidenceRecords: records(), errors: [error.message], problems };
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
  return { signatures: [], timestamps: [] };
}

function digestsOf({ fileDigests, source }: { readonly fileDigests: VerifyInput['fileDigests']; readonly source: ByteSource }) {
  return { size: source.size, digests: fileDigests.map((algorithm) => [algorithm, source.digest(algorithm).toString('hex')] as const) };
}
