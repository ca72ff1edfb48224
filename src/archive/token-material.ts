import { asSealError } from '../errors.ts';
import { checkSigner } from '../formats/cms-verify.ts';
import { digestOf } from '../formats/digests.ts';
import { embedRevocation } from '../formats/tsp-normalize.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { validateChain, type ChainResult } from '../pki/chain.ts';
import { purposes } from '../pki/purposes.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationData } from '../ports/revocation.ts';

export interface CompletedToken {
  /** DER TimeStampToken with the certificates of its chain and the revocation data that was found. */
  readonly token: Buffer;
  /** The chain leads to an anchor and every certificate in it is known to have been good at genTime. */
  readonly complete: boolean;
  /** What is missing or wrong, one sentence each. */
  readonly missing: readonly string[];
}

/** A CRL of more bytes is embedded only where no OCSP answer serves: the token is part of every record. */
const smallCrl = 65_536;
/** Signers of OCSP answers and CRLs have chains of their own. */
const maxRounds = 4;

/** Revocation data that may go in, DER. */
interface Material {
  readonly crls: Buffer[];
  readonly ocsps: Buffer[];
}

/**
 * Puts into a token what proves it later: the certificates up to the anchor, and CRLs or OCSP answers about them (evidence-records 15, 18,
 * 19). Nothing that is signed changes.
 * @param laterThan UTC ms: revocation data must have a later thisUpdate, and replaces what the token holds; absent: any that convinces
 * @throws SealError SEAL-TSA-INVALID for a token that cannot be normalised
 */
export async function completeToken(
  fx: Pick<Effects, 'revocation'>,
  trust: Trust,
  token: Buffer,
  laterThan?: number,
  signal?: AbortSignal,
): Promise<CompletedToken> {
  const parsed = parseTimestampToken(token);
  const signer = signerOf(parsed, trust);
  if (signer === undefined) return { token, complete: false, missing: ['the token does not hold the certificate of its signer'] };
  const material: Material = {
    crls: [...trust.revocation.crls, ...parsed.cms.crls],
    ocsps: [...trust.revocation.ocsps, ...parsed.cms.ocsps],
  };
  const asked = new Set<string>();
  const failures: string[] = [];
  let result = judge(parsed, signer, material, trust, laterThan);
  for (let round = 0; round < maxRounds && result.report.indication !== 'PASSED'; round++) {
    const open = result.wanted.filter(({ certificate }) => !asked.has(certificate.toString('latin1')));
    if (open.length === 0) break;
    for (const { certificate, issuer } of open) {
      asked.add(certificate.toString('latin1'));
      const found = await ask(fx, certificate, issuer, laterThan ?? 0, signal);
      material.crls.push(...found.crls);
      material.ocsps.push(...found.ocsps);
      failures.push(...found.failures);
    }
    result = judge(parsed, signer, material, trust, laterThan);
  }
  const complete = result.report.indication === 'PASSED';
  return {
    token: embed(token, result, trust, laterThan !== undefined),
    complete,
    missing: complete ? [] : [...new Set([...result.report.errors, ...failures])],
  };
}

/** A source that breaks down costs the revocation data, not the timestamp that has been paid for. */
async function ask(
  fx: Pick<Effects, 'revocation'>,
  certificate: Buffer,
  issuer: Buffer,
  freshAfter: number,
  signal: AbortSignal | undefined,
): Promise<RevocationData> {
  try {
    return await fx.revocation.find(certificate, issuer, freshAfter, signal);
  } catch (thrown) {
    return { crls: [], ocsps: [], failures: [asSealError(thrown).message] };
  }
}

/** Who signed a token, and the other certificates in it; undefined when it does not hold its signer's. @param token DER, judged before */
export function timestampSigner(
  token: Buffer,
  trust: Trust,
): { readonly certificate: Certificate; readonly others: readonly Certificate[] } | undefined {
  const parsed = parseTimestampToken(token);
  const certificate = signerOf(parsed, trust);
  if (certificate === undefined) return undefined;
  return { certificate, others: parsed.cms.certificates.flatMap((der) => readable(() => trust.cache.certificate(der))) };
}

function signerOf({ cms, tstInfo }: TimestampToken, trust: Trust): Certificate | undefined {
  const [signer] = cms.signers;
  if (signer === undefined) return undefined;
  const content = { digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, tstInfo), bytes: () => tstInfo };
  return checkSigner(signer, cms.contentType, cms.certificates, content, (der) => trust.cache.certificate(der)).certificate;
}

/**
 * Validates the signer as of genTime with as few bytes as will do: small CRLs, which every validator reads; OCSP answers of the kind that
 * Basis-ERS allows; CRLs of any size.
 */
function judge(token: TimestampToken, signer: Certificate, material: Material, trust: Trust, laterThan: number | undefined): ChainResult {
  const small = material.crls.filter(({ length }) => length <= smallCrl);
  const ocsps = material.ocsps.filter((ocsp) => fitsBasisErs(ocsp, trust));
  const certificates = token.cms.certificates.flatMap((der) => readable(() => trust.cache.certificate(der)));
  const inputs = {
    trust: { ...trust, revocationMode: 'require' as const, revocation: { crls: [], ocsps: [], failures: [] } },
    at: token.genTime,
    purpose: purposes.timestamping,
    ...(laterThan === undefined ? {} : { freshAfter: laterThan }),
  };
  const choose = (crls: readonly Buffer[], answers: readonly Buffer[]): ChainResult =>
    validateChain(signer, { certificates, crls, ocsps: answers }, inputs);
  const first = choose(small, []);
  if (first.report.indication === 'PASSED') return first;
  const second = choose(small, ocsps);
  return second.report.indication === 'PASSED' ? second : choose(material.crls, ocsps);
}

/** Answers that name their responder by name and bring its certificate (evidence-records 19). */
function fitsBasisErs(der: Buffer, trust: Trust): boolean {
  return readable(() => trust.cache.ocsp(der)).some(({ responder, certificates }) => 'byName' in responder && certificates.length > 0);
}

function embed(token: Buffer, { chain, used }: ChainResult, trust: Trust, replace: boolean): Buffer {
  const certificates = [...chain, ...used.certificates].filter((certificate) => !trust.anchors.has(certificate));
  return embedRevocation(token, {
    certificates: [...new Set(certificates)].map(({ der }) => der),
    crls: used.crls.map(({ der }) => der),
    ocsps: used.ocsps.map(({ der }) => der),
    replace,
  });
}

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}
