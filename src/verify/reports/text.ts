import { evaluationNotice, formatNames, meaning, printable, readableTime, timestampKinds } from './words.ts';
import type { ChainReport, EvidenceRecordReport, FileReport, SignatureReport, TimestampReport } from '../../model/verification.ts';

/** The reports as an operator reads them in a terminal: names are escaped, one fact a line. */
export function textReport(reports: readonly FileReport[]): string {
  return reports.map((report) => `${fileLines(report).join('\n')}\n`).join('\n');
}

function fileLines(report: FileReport): string[] {
  return [
    `${printable(report.file)}: ${verdict(report)}`,
    ...(report.evaluation ? [`  ${evaluationNotice}`] : []),
    `  judged for ${readableTime(report.validationTime)}`,
    ...report.errors.map((error) => `  ! ${printable(error)}`),
    ...report.signatures.flatMap((signature, at) => [
      `  signature ${at + 1} of ${report.signatures.length}`,
      ...indent(signatureLines(signature)),
    ]),
    ...report.timestamps.flatMap((timestamp) => indent(timestampLines(timestamp), '  ')),
    ...report.evidenceRecords.flatMap((record) => [`  ${recordTitle(record)}`, ...indent(evidenceLines(record))]),
  ];
}

type Judged = Pick<FileReport | TimestampReport | EvidenceRecordReport, 'indication' | 'subIndication'>;

function verdict({ indication, subIndication }: Judged): string {
  return subIndication === undefined ? indication : `${indication} (${subIndication}): ${meaning(indication, subIndication)}`;
}

function indent(lines: readonly string[], by = '    '): string[] {
  return lines.map((line) => by + line);
}

function signatureLines(signature: SignatureReport): string[] {
  const { signer, signatureAlgorithm, signingTime } = signature;
  return [
    `${formatNames[signature.format]} ${signature.level}, ${printable(signature.scope)}`,
    verdict(signature),
    `intact: ${yes(signature.intact)}  valid: ${yes(signature.valid)}  trusted: ${yes(signature.trusted)}`,
    ...(signer ? [`signed by ${printable(signer.subject)}, serial number ${signer.serialNumber}`] : []),
    ...(signatureAlgorithm === undefined ? [] : [`algorithm: ${signatureAlgorithm}`]),
    ...(signingTime === undefined ? [] : [`claimed time: ${readableTime(signingTime)}`]),
    `proven to exist at: ${readableTime(signature.bestSignatureTime)}`,
    ...chainLines(signature.chain),
    ...notes(signature),
    ...signature.timestamps.flatMap(timestampLines),
  ];
}

function chainLines(chain: ChainReport): string[] {
  return [
    ...chain.certificates.map(
      ({ subject, notAfter, trustAnchor }) =>
        `${trustAnchor ? 'anchor' : 'certificate'}: ${printable(subject)}, until ${readableTime(notAfter)}`,
    ),
    ...chain.revocation.map(
      ({ certificate, status, source, thisUpdate }) =>
        `revocation of ${printable(subjectOf(chain, certificate))}: ${status}${source ? ` (${source.toUpperCase()}${thisUpdate ? ` of ${readableTime(thisUpdate)}` : ''})` : ''}`,
    ),
    ...notes(chain),
  ];
}

function subjectOf({ certificates }: ChainReport, sha256: string): string {
  return certificates.find((certificate) => certificate.sha256 === sha256)?.subject ?? sha256;
}

function notes({ errors, warnings = [] }: { readonly errors: readonly string[]; readonly warnings?: readonly string[] }): string[] {
  return [...errors.map((text) => `! ${printable(text)}`), ...warnings.map((text) => `~ ${printable(text)}`)];
}

function timestampLines(timestamp: TimestampReport): string[] {
  return [
    `${timestampKinds[timestamp.kind]} of ${readableTime(timestamp.genTime)}: ${verdict(timestamp)}`,
    ...indent([
      `intact: ${yes(timestamp.intact)}  valid: ${yes(timestamp.valid)}  trusted: ${yes(timestamp.trusted)}`,
      ...chainLines(timestamp.chain),
      ...notes(timestamp),
    ]),
  ];
}

function recordTitle({ syntax }: EvidenceRecordReport): string {
  return syntax === 'RFC 6283' ? 'evidence record in XML' : 'evidence record';
}

function evidenceLines(record: EvidenceRecordReport): string[] {
  return [
    verdict(record),
    ...(record.provenSince === undefined ? [] : [`proves existence since ${readableTime(record.provenSince)}`]),
    ...(record.provesUntil === undefined ? [] : [`unrenewed it proves until ${readableTime(record.provesUntil)}`]),
    ...record.covered.map((name) => `covers ${printable(name)}`),
    ...(record.hashTreeRenewal === undefined ? [] : [`hash-tree renewal: ${record.hashTreeRenewal}`]),
    ...notes(record),
    ...record.chains.flatMap(({ digestAlgorithm, timestamps }) => [
      `chain over ${digestAlgorithm}`,
      ...indent(timestamps.flatMap(timestampLines)),
    ]),
  ];
}

function yes(fact: boolean): string {
  return fact ? 'yes' : 'no';
}
