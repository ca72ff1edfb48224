/** One HTTP request, whole. Hostile. */
export interface ServedRequest {
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  readonly body: Buffer;
}

export interface ServedResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

export type HttpHandler = (request: ServedRequest) => Promise<ServedResponse>;

export interface HttpListener {
  /** The one that was bound: differs from the wanted one when that was 0. */
  readonly port: number;
  /** Takes no new connection, lets running answers end, then resolves. */
  close(): Promise<void>;
}

/** HTTP server for small requests: evaluation authority, health, metrics. */
export interface HttpServer {
  /**
   * @param host address to bind; only loopback is meant
   * @param port 0: any free one
   * @throws SealError SEAL-HTTP when the address cannot be bound
   */
  serve(host: string, port: number, handler: HttpHandler): Promise<HttpListener>;
}
