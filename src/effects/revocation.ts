import { asSealError, SealError } from '../errors.ts';
import { parseCrl, type CertificateList } from '../formats/crl.ts';
import { sameName } from '../formats/names-dn.ts';
import { buildOcspRequest, matchesCertId, parseBasicOcspResponse, parseOcspResponse } from '../formats/ocsp.ts';
import { readPem } from '../formats/pem.ts';
import { parseCertificate, type Certificate } from '../formats/x509.ts';
import { ConfiguredCrls } from './revocation-files.ts';
import { Fetcher, isFresh, type Reply } from './revocation-fetch.ts';
import type { TrustConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationData, RevocationSource } from '../ports/revocation.ts';

type Needs = Pick<Effects, 'clock' | 'files' | 'http' | 'log'>;

/** An OCSP answer about one certificate. */
interface OcspAnswer {
  /** DER BasicOCSPResponse. */
  readonly basic: Buffer;
  readonly thisUpdate: number;
  readonly nextUpdate?: number | undefined;
}

const maxCrl = 32 * 2 ** 20;
const maxOcsp = 64 * 2 ** 10;
const crlTimeout = 60_000;
const ocspTimeout = 15_000;
/** Addresses of one kind that are asked for one certificate: a hostile one may name thousands. */
const maxAddresses = 4;

/**
 * Revocation data from configured CRL files and, where `fetch` is on, from the addresses inside certificates (CRL distribution points
 * and OCSP responders, RFC 5280 §4.2.1.13, §4.2.2.1). Both kinds are asked for: a token's archive takes CRLs, many CAs keep only OCSP.
 * @param cacheDir where answers survive a restart; absent: memory only
 */
export function revocationSource(
  fx: Needs,
  trust: Pick<TrustConfig, 'crls' | 'fetch' | 'allowHosts'>,
  cacheDir?: string,
): RevocationSource {
  const files = new ConfiguredCrls(fx, trust.crls);
  const crls = new Fetcher(fx, cacheDir, readCrl, trust.allowHosts);
  const ocsps = new Fetcher(fx, cacheDir, readOcsp, trust.allowHosts);

  const fetchCrls = (certificate: Certificate, freshAfter: number): Promise<Reply<CertificateList>[]> =>
    Promise.all(
      addresses(() => certificate.crlUrls).map((url) =>
        crls.ask({ key: `crl ${url}`, request: { url, method: 'GET', timeout: crlTimeout, maxBytes: maxCrl } }, freshAfter),
      ),
    );

  const fetchOcsps = (certificate: Certificate, issuer: Certificate, freshAfter: number): Promise<Reply<OcspAnswer>[]> =>
    Promise.all(
      addresses(() => certificate.ocspUrls).map(async (url) => {
        const body = buildOcspRequest(certificate, issuer);
        const headers = { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' };
        const key = `ocsp ${url} ${certificate.sha256.toString('hex')}`;
        const request = { url, method: 'POST' as const, headers, body, timeout: ocspTimeout, maxBytes: maxOcsp };
        const answer = await ocsps.ask({ key, request }, freshAfter);
        if (answer.value === undefined || isAbout(answer.value.basic, certificate, issuer)) return answer;
        return { failure: `${url}: the OCSP answer is about another certificate` };
      }),
    );

  const find = async (certificate: Certificate, issuer: Certificate, freshAfter: number): Promise<RevocationData> => {
    const configured = await files.read();
    const own = configured.crls.filter((crl) => mayCover(crl, certificate));
    const now = fx.clock.now();
    if (!trust.fetch || own.some((crl) => isFresh(crl, freshAfter, now)))
      return { crls: own.map(({ der }) => der), ocsps: [], failures: configured.failures };
    const [fetched, answers] = await Promise.all([fetchCrls(certificate, freshAfter), fetchOcsps(certificate, issuer, freshAfter)]);
    return {
      crls: [...own, ...fetched.flatMap(({ value }) => value ?? [])].map(({ der }) => der),
      ocsps: answers.flatMap(({ value }) => value?.basic ?? []),
      failures: [...configured.failures, ...[...fetched, ...answers].flatMap(({ failure }) => failure ?? [])],
    };
  };

  return {
    find: async (certificate, issuer, freshAfter, signal) => {
      const finding = find(parseCertificate(certificate), parseCertificate(issuer), freshAfter);
      return await (signal === undefined ? finding : unlessAborted(finding, signal));
    },
  };
}

/** CRLs that may speak about the certificate: of its issuer, and those that speak for others (RFC 5280 §5.2.5). */
function mayCover(crl: CertificateList, certificate: Certificate): boolean {
  return sameName(crl.issuer, certificate.issuer) || crl.issuingDistributionPoint?.indirectCRL === true;
}

/** The http addresses of an extension; none when it is malformed, which is for the validation to say. Hostile input. */
function addresses(read: () => readonly string[]): readonly string[] {
  try {
    return [...new Set(read())].filter((url) => /^https?:\/\//i.test(url)).slice(0, maxAddresses);
  } catch {
    return [];
  }
}

/** A CRL as servers give it: DER, and here and there PEM. Hostile input. */
function readCrl(body: Buffer): CertificateList {
  const [der] = readPem(body, 'X509 CRL');
  if (der === undefined) throw new SealError('SEAL-INPUT-INVALID', 'the answer holds no CRL');
  return parseCrl(der);
}

/** Hostile input. */
function readOcsp(body: Buffer): OcspAnswer {
  const { status, basic } = parseOcspResponse(body);
  if (basic === undefined) throw new SealError('SEAL-HTTP', `the OCSP responder answered ${status}`);
  const [first, ...rest] = parseBasicOcspResponse(basic).responses;
  if (first === undefined) throw new SealError('SEAL-INPUT-INVALID', 'the OCSP answer is about no certificate');
  const oldest = rest.reduce((a, b) => (b.thisUpdate < a.thisUpdate ? b : a), first);
  return { basic, thisUpdate: oldest.thisUpdate, nextUpdate: oldest.nextUpdate };
}

function isAbout(basic: Buffer, certificate: Certificate, issuer: Certificate): boolean {
  return parseBasicOcspResponse(basic).responses.some(({ certId }) => matchesCertId(certId, certificate, issuer));
}

/** What runs goes on for others who wait for it; only this caller stops waiting. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      reject(asSealError(signal.reason));
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
