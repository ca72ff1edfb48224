import type { HttpHandler, ServedResponse } from '../ports/http-server.ts';

/** What the authority answers over HTTP; DER in and out. */
export interface AuthorityService {
  timestamp(request: Buffer): Promise<Buffer>;
  ocsp(request: Buffer): Promise<Buffer>;
  /** DER CRL by the name of its issuer; undefined when there is none. */
  crl(name: string): Buffer | undefined;
  /** DER certificate of a CA by its name. */
  certificate(name: string): Buffer | undefined;
}

/** Routes of the authority: POST /tsa, POST /ocsp, GET /ocsp/BASE64, GET /crl/NAME.crl, GET /ca/NAME.cer. */
export function authorityHandler(service: AuthorityService): HttpHandler {
  return async ({ method, path, body }) => {
    if (path === '/tsa') return method === 'POST' ? answer('application/timestamp-reply', await service.timestamp(body)) : notAllowed();
    if (path === '/ocsp' && method === 'POST') return answer('application/ocsp-response', await service.ocsp(body));
    if (method !== 'GET') return notAllowed();
    const ocsp = /^\/ocsp\/(?<request>.+)$/.exec(path)?.groups?.['request'];
    if (ocsp !== undefined) return answer('application/ocsp-response', await service.ocsp(fromUrl(ocsp)));
    const crl = /^\/crl\/(?<name>[\w-]+)\.crl$/.exec(path)?.groups?.['name'];
    const list = crl === undefined ? undefined : service.crl(crl);
    if (list) return answer('application/pkix-crl', list);
    const ca = /^\/ca\/(?<name>[\w-]+)\.cer$/.exec(path)?.groups?.['name'];
    const certificate = ca === undefined ? undefined : service.certificate(ca);
    if (certificate) return answer('application/pkix-cert', certificate);
    return plain(404, 'nothing here');
  };
}

/** RFC 6960 appendix A.1: base64, then percent-encoded. What is not becomes an empty, thus malformed, request. */
function fromUrl(text: string): Buffer {
  try {
    return Buffer.from(decodeURIComponent(text), 'base64');
  } catch {
    return Buffer.alloc(0);
  }
}

function answer(contentType: string, body: Buffer): ServedResponse {
  return { status: 200, contentType, body };
}

function plain(status: number, text: string): ServedResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`) };
}

const notAllowed = () => plain(405, 'method not allowed');
