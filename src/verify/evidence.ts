import { digestLife } from '../pki/algorithms.ts';
import { coverageOf, type Coverage } from './evidence-coverage.ts';
import { broken, open, type Finding } from './evidence-findings.ts';
import { firstList, leadsTo, type EvidenceObject } from './evidence-hashes.ts';
import { placeOf, readEvidenceRecord, type EvidenceChain, type EvidenceTimeStamp, type TokenMaterial } from './evidence-records.ts';
import type { TimestampToken } from '../formats/tsp.ts';
import type { AlgorithmRule } from '../pki/catalogue.ts';
import type { EvidenceRecordReport, TimestampReport } from '../model/verification.ts';

export type { EvidenceObject } from './evidence-hashes.ts';

/** The verdict on one token at one time. */
export interface TokenJudgement {
  readonly report: TimestampReport;
  /** UTC ms: end of its certificate or of the algorithms it rests on, whichever is first. */
  readonly provesUntil: number;
}

/** Judges a token as of a time (UTC ms): signature, certificate, chain, revocation, algorithms; not its imprint. */
export type JudgeToken = (token: TimestampToken, at: number, material: TokenMaterial) => TokenJudgement;

export interface EvidenceOptions {
  /** Validation time, UTC ms. */
  readonly at: number;
  readonly judge: JudgeToken;
  /** End dates of digests; the shipped ones by default, none when only the structure is asked for. */
  readonly catalogue?: readonly AlgorithmRule[];
}

/** One timestamp of the record with what it must cover. */
interface Link extends EvidenceTimeStamp {
  readonly chain: number;
  readonly place: string;
  /** The timestamp before it in its chain; undefined for the first. */
  readonly covers: EvidenceTimeStamp | undefined;
}

/**
 * Verifies an evidence record, whoever made it, against the objects it shall prove: hash trees, renewals of timestamps and of hash trees,
 * order in time, and each timestamp as of the time of the next one, the last as of `options.at` (RFC 4998 §4.3, §5.3; RFC 6283 §3.3, §4.3;
 * EN 319 102-1 §5.7; evidence-records 1–13, 22). Every object must be covered; further hashes of a group only make a warning.
 * @param bytes RFC 4998 in DER or BER, or RFC 6283. Hostile input
 * @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT, SEAL-DOC-FORMAT when it is no evidence record that can be read, also deep inside;
 * everything else is a verdict
 */
export function verifyEvidenceRecord(bytes: Buffer, objects: readonly EvidenceObject[], options: EvidenceOptions): EvidenceRecordReport {
  const { syntax, chains, warnings: read } = readEvidenceRecord(bytes);
  const links = linksOf(chains);
  const warnings = [...read];
  const findings: Finding[] = [...links.flatMap(structureFindings), ...orderFindings(links, warnings)];
  const coverage = coverageOf(chains, objects);
  findings.push(...coverage.findings);
  warnings.push(...coverage.warnings);
  const judged = links.map((link, index) => judgeLink(link, links[index + 1]?.token.genTime, options));
  findings.push(...judged.flatMap((judgement) => judgement.findings));
  findings.push(...digestFindings(links, options));
  return { syntax, ...report(chains, links, judged, findings, { ...coverage, warnings }, options) };
}

function linksOf(chains: readonly EvidenceChain[]): Link[] {
  return chains.flatMap(({ timestamps }, chain) =>
    timestamps.map((timestamp, index) => ({ ...timestamp, chain, place: placeOf(chain, index), covers: timestamps[index - 1] })),
  );
}

/** One digest a chain, the imprint over the root of the hash tree, the previous timestamp in list 0 (RFC 4998 §4.3, §5.3; RFC 6283 §4.3). */
function structureFindings(link: Link, index: number, links: readonly Link[]): Finding[] {
  const { place, digest, token, covers } = link;
  const found: Finding[] = [];
  const previous = links[index - 1];
  if (digest !== token.messageImprint.algorithm)
    found.push(broken('FORMAT_FAILURE', `${place}: the timestamp is over ${token.messageImprint.algorithm}, the record says ${digest}`));
  if (previous?.chain === link.chain && previous.digest !== digest)
    found.push(broken('FORMAT_FAILURE', `${place}: another digest than the timestamp before it in the same chain`));
  if (!leadsTo(link)) found.push(broken('HASH_FAILURE', `${place}: the hash tree does not lead to the timestamp`));
  if (covers === undefined) return found;
  const list = firstList(link);
  if (!covers.hashes().some((hash) => list.some((listed) => listed.equals(hash))))
    found.push(broken('HASH_FAILURE', `${place}: the timestamp before it is not covered`));
  return found;
}

/** genTime must grow along a record (RFC 4998 §5.3; evidence-records 16). */
function orderFindings(links: readonly Link[], warnings: string[]): Finding[] {
  return links.flatMap(({ place, token }, index) => {
    const before = links[index - 1]?.token.genTime ?? -Infinity;
    if (token.genTime === before) warnings.push(`${place}: same time as the timestamp before it`);
    return token.genTime < before ? [broken('TIMESTAMP_ORDER_FAILURE', `${place}: older than the timestamp before it`)] : [];
  });
}

interface JudgedLink extends TokenJudgement {
  readonly findings: readonly Finding[];
}

function judgeLink({ token, place, material }: Link, next: number | undefined, { at, judge }: EvidenceOptions): JudgedLink {
  const own = (time: number): TokenJudgement => judge(token, time, material);
  const judgement = next === undefined ? own(at) : judgeRenewed(token.genTime, next, own);
  const { indication, subIndication = 'CUSTOM', errors } = judgement.report;
  if (indication === 'PASSED') return { ...judgement, findings: [] };
  return { ...judgement, findings: [{ indication, subIndication, message: [`${place}: ${subIndication}`, ...errors].join('; ') }] };
}

/**
 * A token that a later one covers is judged as of that time (evidence-records 22). The revocation data it was frozen with is later than its
 * genTime and no longer current years after: where nothing newer is at hand, that the authority was good at genTime and that nothing ended
 * in between is what can be known (evidence-records 15).
 */
function judgeRenewed(genTime: number, next: number, judge: (at: number) => TokenJudgement): TokenJudgement {
  const then = judge(next);
  if (then.report.subIndication !== 'TRY_LATER') return then;
  const made = judge(genTime);
  return made.report.indication === 'PASSED' && made.provesUntil > next ? made : then;
}

/** A hash must have been good until the next chain replaced it, the last one until now. */
function digestFindings(links: readonly Link[], { at, catalogue }: EvidenceOptions): Finding[] {
  return links.flatMap((link, index) => {
    const next = links[index + 1];
    if (next?.chain === link.chain) return [];
    const life = digestLife(link.digest, catalogue);
    if ((next?.token.genTime ?? at) < life.end) return [];
    const when = new Date(life.end).toISOString().slice(0, 10);
    return [open('CRYPTO_CONSTRAINTS_FAILURE_NO_POE', `${link.place}: ${life.name} proves nothing from ${when} on (${life.endSource})`)];
  });
}

function report(
  chains: readonly EvidenceChain[],
  links: readonly Link[],
  judged: readonly JudgedLink[],
  findings: readonly Finding[],
  { covered, order, warnings }: Coverage,
  { catalogue }: EvidenceOptions,
): Omit<EvidenceRecordReport, 'syntax'> {
  const worst = findings.find(({ indication }) => indication === 'FAILED') ?? findings[0];
  const first = links[0];
  const last = links.at(-1);
  const until = Math.min(judged.at(-1)?.provesUntil ?? 0, last ? digestLife(last.digest, catalogue).end : 0);
  return {
    indication: worst?.indication ?? 'PASSED',
    ...(worst === undefined ? {} : { subIndication: worst.subIndication }),
    ...(worst?.indication === 'FAILED' || first === undefined ? {} : { provenSince: new Date(first.token.genTime).toISOString() }),
    ...(worst?.indication === 'FAILED' || !Number.isFinite(until) ? {} : { provesUntil: new Date(until).toISOString() }),
    covered,
    chains: chains.map((_, chain) => ({
      digestAlgorithm: links.find((link) => link.chain === chain)?.digest ?? 'sha256',
      timestamps: judged.filter((__, index) => links[index]?.chain === chain).map((judgement) => judgement.report),
    })),
    ...(order === undefined ? {} : { hashTreeRenewal: order }),
    errors: findings.map(({ message }) => message),
    warnings,
  };
}
