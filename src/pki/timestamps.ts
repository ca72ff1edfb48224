import { digestOf } from '../formats/digests.ts';
import { keyTypeOf, parseSignatureAlgorithm } from '../formats/algorithms.ts';
import { checkSigner } from '../formats/cms-verify.ts';
import { parse } from '../formats/der.ts';
import { parseGeneralName } from '../formats/general-names.ts';
import { sameName } from '../formats/names-dn.ts';
import { oidName, oids } from '../formats/oids.ts';
import { digestLife, judgeLives, schemeLives } from './algorithms.ts';
import { defaultCatalogue } from './catalogue.ts';
import { validateChain } from './chain.ts';
import { utc } from './findings.ts';
import { purposes } from './purposes.ts';
import type { SignerCheck } from '../formats/cms-verify.ts';
import type { TimestampToken } from '../formats/tsp.ts';
import type { Certificate } from '../formats/x509.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { BlockIndication, ChainReport, SubIndication, TimestampReport } from '../model/verification.ts';
import type { AlgorithmRule } from './catalogue.ts';
import type { AlgorithmLife } from './algorithms.ts';
import type { ChainResult, Pool } from './chain.ts';
import type { Finding } from './findings.ts';
import type { Trust } from './trust.ts';

export interface TimestampInputs {
  readonly kind: TimestampReport['kind'];
  /** Absent: hashes, signature and attributes only; nothing is trusted. */
  readonly trust: Trust | undefined;
  /** UTC ms: when the token is known to have existed: genTime of the timestamp that covers it, now for the last one (evidence-records 22). */
  readonly at: number;
  /** Digest of what the token must be over; undefined when that is not at hand. Absent: the caller judges the imprint. */
  readonly imprint?: (algorithm: AnyDigest) => Buffer | undefined;
  /** Certificates and revocation data beside those inside the token. */
  readonly pool?: Pool;
  /** UTC ms: revocation data must be later than this. */
  readonly freshAfter?: number;
}

export interface TimestampJudgement {
  readonly report: TimestampReport;
  /** Of the authority; undefined when it is not at hand. */
  readonly certificate: Certificate | undefined;
  /** Undefined without trust or certificate. */
  readonly chain: ChainResult | undefined;
  /** UTC ms: until when the token proves its time if nothing renews it: end of its certificates or of the algorithms it rests on. */
  readonly provesUntil: number;
  /** What the token's strength rests on: first the digest of its imprint, then the signature's digest, key and padding. */
  readonly lives: readonly AlgorithmLife[];
  /** DER of certificates whose status stayed open for want of data, with their issuers. */
  readonly wanted: ChainResult['wanted'];
}

/** A token from a little ahead of our own clock is believed. ms */
const clockTolerance = 60_000;

/**
 * Judges an RFC 3161 token (RFC 3161 §2.3 and §2.4.2, RFC 5816, EN 319 102-1 §5.4): one signature, the signing certificate named by its hash,
 * its purpose timeStamping alone and critical, its chain and revocation at a time, its algorithms, the imprint. Never throws for a bad token.
 */
export function judgeTimestamp(token: TimestampToken, inputs: TimestampInputs): TimestampJudgement {
  const findings: Finding[] = [];
  const signer = checkSignature(token, inputs, findings);
  const certificate = signer?.certificate;
  const imprintFits = checkImprint(token, inputs, findings);
  for (const type of token.criticalExtensions)
    findings.push({
      subIndication: 'SIG_CONSTRAINTS_FAILURE',
      message: `critical extension ${oidName(type)} of the token is not understood`,
    });
  const chain = certificate === undefined ? undefined : checkAuthority(token, certificate, inputs, findings);
  const lives = livesOf(token, signer, inputs.trust?.catalogue ?? defaultCatalogue);
  const verdict = judgeLives(lives, inputs.at);
  for (const message of verdict.errors) findings.push({ subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE', message });
  if (token.genTime > inputs.at + clockTolerance)
    findings.push({ subIndication: 'TIMESTAMP_ORDER_FAILURE', message: `its time ${utc(token.genTime)} lies after ${utc(inputs.at)}` });
  return {
    report: reportOf(token, inputs, findings, {
      intact: imprintFits && signer?.intact === true,
      valid: signer?.valid === true,
      chain: withWarnings(chain?.report ?? noChain, [...verdict.warnings, ...nameWarnings(token, certificate)]),
      trusted: chain?.report.indication === 'PASSED',
    }),
    certificate,
    chain,
    provesUntil: Math.min(chain?.endsAt ?? Infinity, verdict.end),
    lives,
    wanted: chain?.wanted ?? [],
  };
}

const noChain: ChainReport = {
  indication: 'INDETERMINATE',
  subIndication: 'NO_CERTIFICATE_CHAIN_FOUND',
  certificates: [],
  revocation: [],
  errors: [],
  warnings: [],
};

/** RFC 3161 §2.4.2: one signature of the authority alone; signing-certificate is mandatory. */
function checkSignature(token: TimestampToken, { pool, trust }: TimestampInputs, findings: Finding[]): SignerCheck | undefined {
  const [signer, ...others] = token.cms.signers;
  if (signer === undefined || others.length > 0) {
    findings.push({ subIndication: 'FORMAT_FAILURE', message: `the token has ${token.cms.signers.length} signatures where one belongs` });
    return undefined;
  }
  const candidates = [...token.cms.certificates, ...(pool?.certificates ?? []).map(({ der }) => der)];
  const content = { digest: (algorithm: AnyDigest) => digestOf(algorithm, token.tstInfo), bytes: () => token.tstInfo };
  const parseCertificate = trust && ((der: Buffer) => trust.cache.certificate(der));
  const check = checkSigner(signer, oids.tstInfo, candidates, content, parseCertificate);
  findings.push(...check.problems);
  if (signer.signedAttributes === undefined || !check.certificateProtected)
    findings.push({ subIndication: 'SIG_CONSTRAINTS_FAILURE', message: 'the token does not name its signing certificate (RFC 5816)' });
  return check;
}

function checkImprint({ messageImprint }: TimestampToken, { imprint }: TimestampInputs, findings: Finding[]): boolean {
  if (imprint === undefined) return true;
  const actual = imprint(messageImprint.algorithm);
  if (actual === undefined) {
    findings.push({
      subIndication: 'SIGNED_DATA_NOT_FOUND',
      message: `the ${messageImprint.algorithm} of the timestamped data is not at hand`,
    });
    return false;
  }
  if (actual.equals(messageImprint.value)) return true;
  findings.push({ subIndication: 'HASH_FAILURE', message: 'the timestamp is over something else' });
  return false;
}

function checkAuthority(
  token: TimestampToken,
  certificate: Certificate,
  inputs: TimestampInputs,
  findings: Finding[],
): ChainResult | undefined {
  const { genTime } = token;
  if (genTime < certificate.notBefore)
    findings.push({ subIndication: 'NOT_YET_VALID', message: `made at ${utc(genTime)}, before its certificate was valid` });
  if (genTime >= certificate.notAfter + 1000)
    findings.push({ subIndication: 'EXPIRED', message: `made at ${utc(genTime)}, after its certificate had expired` });
  if (inputs.trust === undefined) return undefined;
  const chain = chainAtItsTime(token, certificate, inputs, inputs.trust);
  const { errors, indication, subIndication } = chain.report;
  if (indication !== 'PASSED')
    for (const message of errors) findings.push({ subIndication: subIndication ?? 'CERTIFICATE_CHAIN_GENERAL_FAILURE', message });
  return chain;
}

/** Reasons that leave the tokens made before the revocation good (RFC 3161 §4 item 1): the key was not lost. */
const harmless: ReadonlySet<string | undefined> = new Set(['unspecified', 'affiliationChanged', 'superseded', 'cessationOfOperation']);

function chainAtItsTime(token: TimestampToken, certificate: Certificate, inputs: TimestampInputs, trust: Trust): ChainResult {
  const pool = poolOf(token, inputs, trust);
  const { at, freshAfter } = inputs;
  const question = { trust, purpose: purposes.timestamping, ...(freshAfter === undefined ? {} : { freshAfter }) };
  const result = validateChain(certificate, pool, { ...question, at });
  const [status] = result.statuses;
  if (result.report.subIndication !== 'REVOKED_NO_POE' || status?.revocationTime === undefined) return result;
  if (!harmless.has(status.reason) || status.revocationTime <= token.genTime) return result;
  const before = validateChain(certificate, pool, { ...question, at: Math.max(token.genTime, status.revocationTime - 1000) });
  const warning = `the certificate of the authority was revoked at ${utc(status.revocationTime)} (${status.reason ?? ''}), after the timestamp`;
  return { ...before, report: withWarnings(before.report, [warning]) };
}

function poolOf({ cms }: TimestampToken, { pool }: TimestampInputs, { cache }: Trust): Pool {
  const readable = (der: Buffer): Certificate[] => {
    try {
      return [cache.certificate(der)];
    } catch {
      return [];
    }
  };
  return {
    certificates: [...cms.certificates.flatMap(readable), ...(pool?.certificates ?? [])],
    crls: [...cms.crls, ...(pool?.crls ?? [])],
    ocsps: [...cms.ocsps, ...(pool?.ocsps ?? [])],
  };
}

/** Imprint, digest and signature: what the token's strength rests on. */
function livesOf(token: TimestampToken, signer: SignerCheck | undefined, catalogue: readonly AlgorithmRule[]): AlgorithmLife[] {
  const lives = [digestLife(token.messageImprint.algorithm, catalogue)];
  const [info] = token.cms.signers;
  if (signer?.digestAlgorithm !== undefined) lives.push(digestLife(signer.digestAlgorithm, catalogue));
  if (info === undefined || signer?.certificate === undefined) return lives;
  try {
    const scheme = parseSignatureAlgorithm(info.signatureAlgorithm, signer.digestAlgorithm);
    return [...lives, ...schemeLives(scheme, keyTypeOf(signer.certificate.publicKey()), catalogue)];
  } catch {
    // What is not supported has not verified either: the signature is bad already.
    return lives;
  }
}

/** RFC 3161 §2.4.2: the `tsa` field should be a name of the certificate. */
function nameWarnings({ tsa }: TimestampToken, certificate: Certificate | undefined): string[] {
  if (tsa === undefined || certificate === undefined) return [];
  try {
    const name = parseGeneralName(parse(tsa));
    if (name.kind === 'directoryName' && sameName(name.name, certificate.subject)) return [];
    if (name.kind !== 'directoryName') return [];
  } catch {
    // A name that cannot be read names nobody.
  }
  return ['the name of the authority inside the timestamp is not that of its certificate'];
}

function withWarnings(report: ChainReport, warnings: readonly string[]): ChainReport {
  return warnings.length === 0 ? report : { ...report, warnings: [...report.warnings, ...warnings] };
}

/** Worst first; these make the token bad for good, the others leave it open. */
const failed: readonly SubIndication[] = ['FORMAT_FAILURE', 'HASH_FAILURE', 'SIG_CRYPTO_FAILURE', 'NOT_YET_VALID', 'EXPIRED'];

function reportOf(
  { genTime, messageImprint }: TimestampToken,
  { kind }: TimestampInputs,
  findings: readonly Finding[],
  facts: Pick<TimestampReport, 'intact' | 'valid' | 'trusted' | 'chain'>,
): TimestampReport {
  const worst = failed.flatMap((word) => findings.find(({ subIndication }) => subIndication === word) ?? [])[0] ?? findings[0];
  const indication: BlockIndication = worst === undefined ? 'PASSED' : failed.includes(worst.subIndication) ? 'FAILED' : 'INDETERMINATE';
  return {
    kind,
    indication,
    ...(worst === undefined ? {} : { subIndication: worst.subIndication }),
    genTime: new Date(genTime).toISOString(),
    messageImprint: { algorithm: messageImprint.algorithm, value: messageImprint.value.toString('hex') },
    ...facts,
    errors: findings.map(({ message }) => message),
  };
}
