import { AsicContainer, type AsicPart } from './asic-container.ts';
import { looksLikeSignedData } from '../formats/cms.ts';
import { bufferSource } from '../formats/memory-source.ts';
import { displayName } from '../formats/names.ts';
import { verifyCmsFile, type CmsFindings } from './cms-files.ts';
import { judgeRecord, provenBy, verifyEvidence } from './evidence-files.ts';
import { looksLikePdf, verifyPdfFile } from './pdf-files.ts';
import { digestedSource, knownByDigest, type DigestedObject, type NamedSource, type VerifyInput } from './types.ts';
import type { Verdict } from './indications.ts';
import type { EvidenceRecordReport } from '../model/verification.ts';
import type { VerifyContext } from './context.ts';

/** What was found in a container. */
export interface ContainerFindings extends CmsFindings {
  readonly evidenceRecords: readonly EvidenceRecordReport[];
  readonly errors: readonly string[];
  /** Beside what signatures and records say. */
  readonly problems: readonly Verdict[];
}

interface Collected {
  readonly findings: { readonly signatures: CmsFindings['signatures'][number][]; readonly timestamps: CmsFindings['timestamps'][number][] };
  readonly problems: { readonly verdict: Verdict; readonly message: string }[];
  /** Names of objects that something covers. */
  readonly covered: Set<string>;
}

/**
 * Judges an ASiC container (EN 319 162-1): evidence records with what their manifests name, CAdES signatures over a manifest or over the one object,
 * and what is signed by itself inside: a `.p7s` beside its document, PDFs. Hostile input.
 * @throws SealError SEAL-INPUT-INVALID when it is malformed, SEAL-DOC-LIMIT
 */
export function verifyAsicFile(context: VerifyContext, input: VerifyInput): ContainerFindings {
  const container = new AsicContainer(input.source);
  const collected: Collected = { findings: { signatures: [], timestamps: [] }, problems: [], covered: new Set() };
  const given = [...input.detached.map(digestedSource), ...knownByDigest(input.digests)];
  const records = container.records().map((record) => judged(context, container, collected, record, given));
  const beside = verifyEvidence(context, input);
  const provenAt = (name: string): number => Math.min(context.options.at, beside.provenAt, provenBy(records, name));
  for (const signature of container.signatures()) verifySignature(context, container, collected, signature, beside.provenAt);
  for (const object of container.objects) verifyObject(context, container, collected, object, provenAt(object.name));
  for (const { name } of container.objects)
    if (!collected.covered.has(name)) collected.problems.push(open(`${name} is covered by no signature and no evidence record`));
  for (const name of container.notJudged) collected.problems.push(open(`${name} is of a kind that is not judged`));
  return {
    ...collected.findings,
    evidenceRecords: [...records, ...beside.reports],
    errors: collected.problems.map(({ message }) => message),
    problems: collected.problems.map(({ verdict }) => verdict),
  };
}

function judged(
  context: VerifyContext,
  container: AsicContainer,
  { covered, problems }: Collected,
  { bytes, name, manifest }: AsicPart,
  given: readonly DigestedObject[],
): EvidenceRecordReport {
  const objects = manifest === undefined ? container.objects.map(digestedSource) : container.named(manifest);
  const report = judgeRecord(context, bytes, [...objects, ...given]);
  if (report.indication !== 'FAILED') for (const one of report.covered) covered.add(one);
  for (const wrong of manifest === undefined ? [] : container.mismatches(manifest)) problems.push(failed(`${name}: ${wrong}`));
  return report;
}

function verifySignature(context: VerifyContext, container: AsicContainer, into: Collected, signature: AsicPart, provenAt: number): void {
  const { bytes, name, manifest } = signature;
  const signed = manifest === undefined ? container.objects.slice(0, 1) : [container.manifestOf(name)].filter((one) => one !== undefined);
  if (manifest === undefined && container.objects.length !== 1) into.problems.push(failed(`${name}: no manifest says what it signs`));
  collect(into, verifyCmsFile(context, inputOf({ name, source: bufferSource(bytes) }, signed), Math.min(context.options.at, provenAt)));
  for (const wrong of manifest === undefined ? [] : container.mismatches(manifest)) into.problems.push(failed(`${name}: ${wrong}`));
  for (const absent of manifest === undefined ? [] : container.absent(manifest))
    into.problems.push({
      verdict: { indication: 'INDETERMINATE', subIndication: 'SIGNED_DATA_NOT_FOUND' },
      message: `${name}: ${absent} is signed and not in the container`,
    });
  for (const covered of manifest?.references.map((reference) => displayName(reference.name)) ?? container.objects.map((one) => one.name))
    into.covered.add(covered);
}

/** What is signed by itself: the signature of a document that lies in the container too, and PDFs. */
function verifyObject(context: VerifyContext, container: AsicContainer, into: Collected, object: NamedSource, provenAt: number): void {
  if (looksLikeSignedData(object.source)) {
    const document = container.documentOf(object.name);
    collect(into, verifyCmsFile(context, inputOf(object, document === undefined ? [] : [document]), provenAt));
  } else if (looksLikePdf(object.source)) collect(into, verifyPdfFile(context, inputOf(object, []), provenAt));
}

function collect({ findings }: Collected, { signatures, timestamps }: CmsFindings): void {
  findings.signatures.push(...signatures);
  findings.timestamps.push(...timestamps);
}

function inputOf(file: NamedSource, detached: readonly NamedSource[]): VerifyInput {
  return { ...file, detached, digests: [], evidence: [], fileDigests: [] };
}

function failed(message: string): Collected['problems'][number] {
  return { verdict: { indication: 'TOTAL-FAILED', subIndication: 'HASH_FAILURE' }, message };
}

function open(message: string): Collected['problems'][number] {
  return { verdict: { indication: 'INDETERMINATE', subIndication: 'CUSTOM' }, message };
}
