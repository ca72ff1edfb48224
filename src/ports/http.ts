export interface HttpRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** ms for the whole exchange. */
  readonly timeout: number;
  /** Bytes; a longer answer is an error. */
  readonly maxBytes: number;
  /** Addresses inside the house (loopback, link-local, private): only for URLs that the configuration names, never for URLs out of certificates. */
  readonly allowPrivate: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Client for TSA, OCSP, CRL and AIA. Follows no redirect. Errors: `SEAL-HTTP`. */
export interface Http {
  request(request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse>;
}
