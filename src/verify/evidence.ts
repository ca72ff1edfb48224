import { parseEvidenceRecord, type ArchiveTimeStamp, type ArchiveTimeStampChain } from '../formats/ers.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { digestLife } from '../pki/algorithms.ts';
import {
  expectedHashes,
  firstList,
  leadsTo,
  sequenceHashesOf,
  tokenHashes,
  type EvidenceObject,
  type RehashOrder,
} from './evidence-hashes.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { AlgorithmRule } from '../pki/catalogue.ts';
import type { BlockIndication, EvidenceRecordReport, SubIndication, TimestampReport } from '../model/verification.ts';

export type { EvidenceObject } from './evidence-hashes.ts';

/** The verdict on one token at one time. */
export interface TokenJudgement {
  readonly report: TimestampReport;
  /** UTC ms: end of its certificate or of the algorithms it rests on, whichever is first. */
  readonly provesUntil: number;
}

/** Judges a token as of a time (UTC ms): signature, certificate, chain, revocation, algorithms; not its imprint. */
export type JudgeToken = (token: TimestampToken, at: number) => TokenJudgement;

export interface EvidenceOptions {
  /** Validation time, UTC ms. */
  readonly at: number;
  readonly judge: JudgeToken;
  /** End dates of digests; the shipped ones by default, none when only the structure is asked for. */
  readonly catalogue?: readonly AlgorithmRule[];
}

/** One timestamp of the record with what it must cover. */
interface Link {
  readonly chain: number;
  readonly place: string;
  readonly timestamp: ArchiveTimeStamp;
  readonly token: TimestampToken;
  readonly digest: AnyDigest;
  /** The token before it in its chain; undefined for the first. */
  readonly covers: Buffer | undefined;
}

interface Finding {
  readonly indication: BlockIndication;
  readonly subIndication: SubIndication;
  readonly message: string;
}

/**
 * Verifies an RFC 4998 evidence record, whoever made it, against the objects it shall prove: hash trees, renewals of timestamps and of
 * hash trees, order in time, and each timestamp as of the time of the next one, the last as of `options.at` (RFC 4998 §4.3, §5.3;
 * EN 319 102-1 §5.7; evidence-records 1–13, 22). Every object must be covered; further hashes of a group only make a warning.
 * @param bytes DER or BER. Hostile input
 * @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT when it is no evidence record, also deep inside; everything else is a verdict
 */
export function verifyEvidenceRecord(bytes: Buffer, objects: readonly EvidenceObject[], options: EvidenceOptions): EvidenceRecordReport {
  const record = parseEvidenceRecord(bytes);
  const links = linksOf(record.chains);
  const warnings: string[] = [];
  if (record.encryptionInfo !== undefined) warnings.push('the record is about encrypted objects: give the encrypted bytes');
  for (const { digest, place } of links)
    if (!record.digestAlgorithms.includes(digest)) warnings.push(`${place}: ${digest} is missing in the record's list of digests`);
  const findings: Finding[] = [...links.flatMap(structureFindings), ...orderFindings(links, warnings)];
  const coverage = coverageOf(record.chains, links, objects);
  findings.push(...coverage.findings);
  warnings.push(...coverage.warnings);
  const judged = links.map((link, index) => judgeLink(link, links[index + 1]?.token.genTime, options));
  findings.push(...judged.flatMap((judgement) => judgement.findings));
  findings.push(...digestFindings(links, options));
  return report(record.chains, links, judged, findings, { ...coverage, warnings }, options);
}

function linksOf(chains: readonly ArchiveTimeStampChain[]): Link[] {
  return chains.flatMap(({ timestamps }, chain) =>
    timestamps.map((timestamp, index): Link => {
      const token = parseTimestampToken(timestamp.timeStamp);
      return {
        chain,
        place: `chain ${chain + 1}, timestamp ${index + 1}`,
        timestamp,
        token,
        digest: timestamp.digestAlgorithm ?? token.messageImprint.algorithm,
        covers: timestamps[index - 1]?.timeStamp,
      };
    }),
  );
}

/** One digest a chain, the imprint over the root of the hash tree, the previous token in list 0 (RFC 4998 §4.3, §5.3). */
function structureFindings(link: Link, index: number, links: readonly Link[]): Finding[] {
  const { place, digest, token, timestamp } = link;
  const found: Finding[] = [];
  const previous = links[index - 1];
  if (digest !== token.messageImprint.algorithm)
    found.push(broken('FORMAT_FAILURE', `${place}: the timestamp is over ${token.messageImprint.algorithm}, the record says ${digest}`));
  if (previous?.chain === link.chain && previous.digest !== digest)
    found.push(broken('FORMAT_FAILURE', `${place}: another digest than the timestamp before it in the same chain`));
  if (!leadsTo(timestamp, digest, token.messageImprint.value))
    found.push(broken('HASH_FAILURE', `${place}: the hash tree does not lead to the timestamp`));
  if (link.covers === undefined) return found;
  const list = firstList(timestamp, token.messageImprint.value);
  if (!tokenHashes(link.covers, digest).some((hash) => list.some((listed) => listed.equals(hash))))
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

interface Coverage {
  readonly covered: readonly string[];
  readonly order?: RehashOrder;
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

/** Looks each object up in the first timestamp of every chain. */
function coverageOf(chains: readonly ArchiveTimeStampChain[], links: readonly Link[], objects: readonly EvidenceObject[]): Coverage {
  if (objects.length === 0) return { covered: [], findings: [open('SIGNED_DATA_NOT_FOUND', 'no document was given')], warnings: [] };
  const findings: Finding[] = [];
  const warnings: string[] = [];
  const missing = new Set<EvidenceObject>();
  const orders = new Set<RehashOrder>();
  chains.forEach((_, chain) => {
    const first = links.find((link) => link.chain === chain);
    if (first === undefined) return;
    const list = firstList(first.timestamp, first.token.messageImprint.value);
    const sequenceHashes = sequenceHashesOf(chains.slice(0, chain), first.digest);
    const used = new Set<Buffer>();
    for (const object of objects) {
      const hash = object.digest(first.digest);
      const match = hash && matchIn(list, expectedHashes(hash, first.digest, sequenceHashes));
      if (match === undefined) {
        missing.add(object);
        findings.push(
          hash === undefined
            ? open('SIGNED_DATA_NOT_FOUND', `${first.place}: the ${first.digest} of ${object.name} is needed`)
            : broken('HASH_FAILURE', `${first.place}: ${object.name} is not what was archived`),
        );
        continue;
      }
      used.add(match.listed);
      if (match.order) orders.add(match.order);
    }
    if (used.size > 0 && used.size < list.length) warnings.push(`${first.place}: contains other objects`);
  });
  return {
    covered: objects.filter((object) => !missing.has(object)).map(({ name }) => name),
    ...(orders.size === 0 ? {} : { order: orders.has('unsorted') ? 'unsorted' : 'sorted' }),
    findings,
    warnings,
  };
}

function matchIn(
  list: readonly Buffer[],
  expected: ReturnType<typeof expectedHashes>,
): { listed: Buffer; order?: RehashOrder } | undefined {
  for (const { hash, order } of expected) {
    const listed = list.find((candidate) => candidate.equals(hash));
    if (listed) return { listed, ...(order === undefined ? {} : { order }) };
  }
  return undefined;
}

interface JudgedLink extends TokenJudgement {
  readonly findings: readonly Finding[];
}

function judgeLink({ token, place }: Link, next: number | undefined, { at, judge }: EvidenceOptions): JudgedLink {
  const judgement = next === undefined ? judge(token, at) : judgeRenewed(token, next, judge);
  const { indication, subIndication = 'CUSTOM', errors } = judgement.report;
  if (indication === 'PASSED') return { ...judgement, findings: [] };
  return { ...judgement, findings: [{ indication, subIndication, message: [`${place}: ${subIndication}`, ...errors].join('; ') }] };
}

/**
 * A token that a later one covers is judged as of that time (evidence-records 22). The revocation data it was frozen with is later than its
 * genTime and no longer current years after: where nothing newer is at hand, that the authority was good at genTime and that nothing ended
 * in between is what can be known (evidence-records 15).
 */
function judgeRenewed(token: TimestampToken, next: number, judge: JudgeToken): TokenJudgement {
  const then = judge(token, next);
  if (then.report.subIndication !== 'TRY_LATER') return then;
  const made = judge(token, token.genTime);
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
  chains: readonly ArchiveTimeStampChain[],
  links: readonly Link[],
  judged: readonly JudgedLink[],
  findings: readonly Finding[],
  { covered, order, warnings }: Coverage,
  { catalogue }: EvidenceOptions,
): EvidenceRecordReport {
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

function broken(subIndication: SubIndication, message: string): Finding {
  return { indication: 'FAILED', subIndication, message };
}

function open(subIndication: SubIndication, message: string): Finding {
  return { indication: 'INDETERMINATE', subIndication, message };
}
