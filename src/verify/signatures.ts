import { SealError } from '../errors.ts';
import { oids } from '../formats/oids.ts';
import { readElement } from '../formats/der.ts';
import { digestOf } from '../formats/digests.ts';
import { checkSigner, type SignedContent, type SignerCheck } from '../formats/cms-verify.ts';
import { signingTime } from '../formats/cms-attributes.ts';
import { validationValues, type ValidationMaterial } from '../formats/validation-values.ts';
import { summarize, type Certificate } from '../formats/x509.ts';
import { describeSignature, digestLife, judgeAlgorithms, judgeLives } from '../pki/algorithms.ts';
import { purposes } from '../pki/purposes.ts';
import { judgeChain, noCertificate, poolOf } from './chains.ts';
import { blockVerdict, totalVerdict, worstOf, type Verdict } from './indications.ts';
import { verifyToken, type TokenVerdict } from './timestamps.ts';
import type { Pool } from '../pki/chain.ts';
import type { SignedData } from '../formats/cms.ts';
import type { SignerInfo } from '../formats/cms-signer-info.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { ChainReport, SignatureReport, SubIndication } from '../model/verification.ts';
import type { VerifyContext } from './context.ts';

/** One CMS signature and where it was found. */
export interface SignatureQuestion {
  readonly format: 'cades' | 'pades';
  readonly cms: SignedData;
  readonly signer: SignerInfo;
  readonly content: SignedContent;
  /** What it covers, in plain words. */
  readonly scope: string;
  /** UTC ms: earliest time at which the signature is proven to have existed by something outside of it. */
  readonly provenAt: number;
  /** What the place of the signature says about its format: worst first. */
  readonly problems?: SignerCheck['problems'];
  readonly warnings?: readonly string[];
  /** Claimed outside the CMS (PDF /M); UTC ms. */
  readonly claimedTime?: number;
  /** Further digests that the signature rests on. */
  readonly digests?: readonly AnyDigest[];
  /** Its signed attributes must name the signing certificate, as every AdES signature does. */
  readonly mustNameCertificate?: boolean;
  /** Certificates and revocation data beside the CMS (PDF /DSS). */
  readonly material?: ValidationMaterial;
  /** A later document timestamp that is good covers the signature and its validation data. */
  readonly archived?: boolean;
  /** It is about the value of another signature. */
  readonly countersignature?: boolean;
}

/**
 * Judges one signature (EN 319 102-1 §5.3, §5.5): format, certificate, value, content; its timestamps give the best signature time; chain,
 * revocation and algorithms are judged as of then. Hostile input: whatever is wrong is a verdict.
 */
export function verifySignature(context: VerifyContext, question: SignatureQuestion): SignatureReport {
  const { cms, content, signer } = question;
  const material = materialOf(question);
  const pool = poolOf(context, cms, material);
  const candidates = [...cms.certificates, ...material.certificates, ...context.known.map(({ der }) => der)];
  const contentType = question.countersignature === true ? undefined : cms.contentType;
  const check = checkSigner(signer, contentType, candidates, content, (der) => context.cache.certificate(der));
  const timestamps = signatureTimestamps(context, question, pool);
  const best = Math.min(question.provenAt, ...timestamps.filter(proves).map(({ genTime = Infinity }) => genTime));
  const { certificate } = check;
  const chain = certificate ? judgeChain(context, certificate, best, purposes.documentSignature, pool) : noCertificate;
  const strength = strengthProblems(context, question, check, best);
  const claimed = question.claimedTime ?? claimedTime(signer);
  const problems = [...(question.problems ?? []), ...check.problems, ...(certificate ? namingProblems(question, check) : [])];
  const claims = claimProblems(claimed, certificate);
  return {
    format: check.certificateProtected ? question.format : 'cms',
    level: levelOf(question, check, timestamps, chain, material),
    ...verdictOf(context, problems, chain, [...constraintsOf(strength), ...claims]),
    intact: check.intact && problems.every(({ subIndication }) => !breaks.has(subIndication)),
    valid: check.valid,
    trusted: chain.indication === 'PASSED',
    ...(certificate ? { signer: summarize(certificate) } : {}),
    signatureAlgorithm: describeSignature(signer.signatureAlgorithm, check.digestAlgorithm),
    ...(check.digestAlgorithm ? { digestAlgorithm: check.digestAlgorithm } : {}),
    ...(claimed === undefined ? {} : { signingTime: new Date(claimed).toISOString() }),
    bestSignatureTime: new Date(best).toISOString(),
    scope: question.scope,
    chain,
    timestamps: timestamps.map(({ report }) => report),
    errors: [...[...problems, ...claims].map(({ message }) => message), ...strength.errors],
    warnings: [...(question.warnings ?? []), ...check.warnings, ...framingWarnings(question), ...unjudged(question), ...strength.warnings],
  };
}

/** What no signature covers and nobody but a careless or hostile hand gets wrong (RFC 5652 §5.1, §5.3). */
function framingWarnings({ cms, signer }: SignatureQuestion): string[] {
  const warnings: string[] = [];
  if (![1, 3, 4, 5].includes(cms.version)) warnings.push(`SignedData has version ${cms.version}`);
  if (signer.version !== ('issuer' in signer.sid ? 1 : 3)) warnings.push(`SignerInfo has version ${signer.version}`);
  if (!cms.digestAlgorithms.some((algorithm) => readElement(algorithm).content.includes(readElement(signer.digestAlgorithm).content)))
    warnings.push('SignedData does not list the digest of the signature');
  return warnings;
}

/** What is found so is not the content that was signed, whatever its digest says. */
const breaks: ReadonlySet<SubIndication> = new Set(['FORMAT_FAILURE', 'HASH_FAILURE']);

function signatureTimestamps(context: VerifyContext, { provenAt, signer }: SignatureQuestion, pool: Pool): TokenVerdict[] {
  const tokens = signer.unsignedAttributes
    .filter(({ type }) => type === oids.signatureTimeStampToken)
    .flatMap(({ values }) => values.map(({ raw }) => raw));
  const imprint = (algorithm: AnyDigest): Buffer => digestOf(algorithm, signer.signatureValue);
  return tokens.map((token) => verifyToken(context, token, { kind: 'signature-timestamp', at: provenAt, imprint, pool }));
}

/** Only a timestamp that is good itself proves a time (EN 319 102-1 §5.5.4). */
function proves({ report }: TokenVerdict): boolean {
  return report.indication === 'PASSED' && report.trusted;
}

function claimedTime({ signedAttributes }: SignerInfo): number | undefined {
  try {
    return signedAttributes && signingTime(signedAttributes.attributes);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** EN 319 142-1 §6.3, EN 319 102-1 §5.2.8: whose name may change is not what was signed. */
function namingProblems({ mustNameCertificate }: SignatureQuestion, { certificateProtected }: SignerCheck): SignerCheck['problems'] {
  if (mustNameCertificate !== true || certificateProtected) return [];
  return [{ subIndication: 'SIG_CONSTRAINTS_FAILURE', message: 'a PAdES signature must name its certificate in the signed attributes' }];
}

interface Strength {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Of the signature, and of every digest between it and the document (EN 319 102-1 §5.2.8). */
function strengthProblems({ trust }: VerifyContext, { digests = [], signer }: SignatureQuestion, check: SignerCheck, at: number): Strength {
  const { certificate, digestAlgorithm } = check;
  if (trust === undefined || certificate === undefined || !check.valid) return { errors: [], warnings: [] };
  const all = new Set([...(digestAlgorithm ? [digestAlgorithm] : []), ...digests]);
  const verdicts = [
    judgeAlgorithms(signer.signatureAlgorithm, certificate.keyType(), at, trust.catalogue, digestAlgorithm),
    ...[...all].map((digest) => judgeLives([digestLife(digest, trust.catalogue)], at)),
  ];
  const once = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())];
  return { errors: once(verdicts.map(({ errors }) => errors)), warnings: once(verdicts.map(({ warnings }) => warnings)) };
}

/** Who claims to have signed before there was a certificate, or after its end, claims something wrong. */
function claimProblems(claimed: number | undefined, certificate: Certificate | undefined): SignerCheck['problems'] {
  if (claimed === undefined || certificate === undefined) return [];
  // Clocks of signers run a little behind the authority that has just issued.
  if (claimed >= certificate.notBefore - claimTolerance && claimed < certificate.notAfter + 1000) return [];
  const message = `signed by its own words at ${new Date(claimed).toISOString()}, when the signing certificate was not valid`;
  return [{ subIndication: 'SIG_CONSTRAINTS_FAILURE', message }];
}

/** ms */
const claimTolerance = 5 * 60_000;

/** Format, identification and values first, then the certificate, then what the signature may be (the order of EN 319 102-1 §5.3). */
function verdictOf(
  context: VerifyContext,
  problems: SignerCheck['problems'],
  chain: ChainReport,
  constraints: SignerCheck['problems'],
): Verdict {
  const { indication, subIndication } = chain;
  const judged = context.trust === undefined ? [] : [{ indication, ...(subIndication === undefined ? {} : { subIndication }) }];
  const words = (list: SignerCheck['problems']) => list.map((problem) => blockVerdict(problem.subIndication));
  return worstOf([...words(problems), ...judged, ...words(constraints)].map(totalVerdict)) ?? { indication: 'TOTAL-PASSED' };
}

function constraintsOf({ errors }: Strength): SignerCheck['problems'] {
  return errors.map((message) => ({ subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE', message }));
}

function materialOf({ material, signer }: SignatureQuestion): ValidationMaterial {
  const own = validationValues(signer.unsignedAttributes);
  return {
    certificates: [...own.certificates, ...(material?.certificates ?? [])],
    crls: [...own.crls, ...(material?.crls ?? [])],
    ocsps: [...own.ocsps, ...(material?.ocsps ?? [])],
  };
}

/**
 * Baseline level (EN 319 122-1 §6, EN 319 142-1 §6) as far as it was checked: a timestamp that is broken, validation data with which the chain
 * does not pass and archive timestamps that nobody judged make no level. `-` for a CMS that is none.
 */
function levelOf(
  { archived = false, cms }: SignatureQuestion,
  check: SignerCheck,
  timestamps: readonly TokenVerdict[],
  chain: ChainReport,
  material: ValidationMaterial,
): string {
  if (!check.certificateProtected) return '-';
  if (!archived && timestamps.every(({ report }) => report.indication === 'FAILED')) return 'B-B';
  const longTerm = material.crls.length + material.ocsps.length + cms.crls.length + cms.ocsps.length > 0;
  if (!longTerm || chain.indication !== 'PASSED') return 'B-T';
  return archived ? 'B-LTA' : 'B-LT';
}

/** What is there and proves nothing here. */
function unjudged({ signer }: SignatureQuestion): string[] {
  const archive = signer.unsignedAttributes.some(({ type }) => type === oids.archiveTimestampV3);
  return archive ? ['archive timestamps (EN 319 122-1 §5.5.3) are not judged: neither the level nor the time rests on them'] : [];
}
