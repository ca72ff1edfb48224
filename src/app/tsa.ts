import { openAuthority } from '../authority/authority.ts';
import { authorityHandler } from '../authority/http.ts';
import { issueFor } from '../authority/issue.ts';
import { readCertificationRequest } from '../authority/pkcs10.ts';
import { CrlPublisher } from '../authority/publish.ts';
import { authorityService } from '../authority/service.ts';
import type { EvaluationConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { HttpServer } from '../ports/http-server.ts';

/** The evaluation authority while it answers. */
export interface ServedAuthority {
  /** Such as http://127.0.0.1:3180; /tsa, /ocsp, /crl/root.crl, /crl/issuing.crl, /ca/root.cer, /ca/issuing.cer are below it. */
  readonly url: string;
  /** What is found where, for people: tsa, ocsp, crl, ca. */
  readonly addresses: Readonly<Record<'tsa' | 'ocsp' | 'crl' | 'ca', string>>;
  /** Lets running answers end. */
  close(): Promise<void>;
}

/**
 * Serves the evaluation authority on loopback, RFC 3161, OCSP, CRLs and CA certificates, and keeps its CRLs fresh: for `sealtree tsa`, and
 * inside the daemon while the configuration has a section `evaluation`.
 * @throws SealError SEAL-INPUT-MISSING when `dir` holds none, SEAL-CONFIG-SECRET, SEAL-KEY-MISMATCH, SEAL-HTTP when the port is taken
 */
export async function serveEvaluationAuthority(
  fx: Pick<Effects, 'clock' | 'files' | 'log' | 'random'> & { readonly httpServer: HttpServer },
  { dir, host, port }: EvaluationConfig,
): Promise<ServedAuthority> {
  const authority = await openAuthority(fx, dir);
  const publisher = new CrlPublisher(fx, authority);
  await publisher.refresh();
  const handler = authorityHandler(authorityService(fx, authority, (issuer) => publisher.crl(issuer)));
  const listener = await fx.httpServer.serve(host, port, handler);
  publisher.start();
  const url = baseUrl(host, listener.port);
  const { baseUrl: certified } = authority.registry;
  fx.log.info({ url }, 'the EVALUATION authority answers: its signatures and timestamps prove nothing to others');
  if (certified !== url) {
    fx.log.warn(
      { url, certified },
      'certificates of the evaluation authority name another address: their CRLs and OCSP answers are not found there',
    );
  }
  return {
    url,
    addresses: { tsa: `${url}/tsa`, ocsp: `${url}/ocsp`, crl: `${url}/crl/issuing.crl`, ca: `${url}/ca/issuing.cer` },
    async close() {
      publisher.stop();
      await listener.close();
    },
  };
}

/** Base address of a listener; IPv6 in brackets. */
export function baseUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const year = 365 * 24 * 3_600_000;

/**
 * A signing certificate of the evaluation authority for a key on a card or HSM.
 * @param request PKCS#10, PEM or DER; only its key and common name are taken
 * @returns DER, the new certificate first, then the issuing CA
 * @throws SealError SEAL-INPUT-INVALID, SEAL-INPUT-MISSING when there is no authority in `dir`
 */
export async function certifyForEvaluation(
  fx: Pick<Effects, 'clock' | 'files' | 'random'>,
  dir: string,
  request: Buffer,
): Promise<Buffer[]> {
  const { publicKey, commonName } = await readCertificationRequest(request);
  const authority = await openAuthority(fx, dir);
  const certificate = await issueFor(fx, authority, { publicKey, commonName, profile: 'signer', validity: 3 * year });
  return [certificate, authority.issuing.certificate];
}
