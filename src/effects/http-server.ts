import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SealError } from '../errors.ts';
import type { HttpHandler, HttpListener, HttpServer, ServedResponse } from '../ports/http-server.ts';

export interface HttpServerLimits {
  /** Bytes of a request body; more is answered with 413. */
  readonly maxBody: number;
  /** ms for a whole request to arrive. */
  readonly timeout: number;
  readonly maxConnections: number;
}

const defaultLimits: HttpServerLimits = { maxBody: 64 * 1024, timeout: 10_000, maxConnections: 256 };

/** HTTP server on node:http, for loopback. Requests are limited in size, time and number; a handler that throws is answered with 500. */
export function httpServer(limits: HttpServerLimits = defaultLimits): HttpServer {
  return {
    async serve(host, port, handler) {
      const server = createServer(
        { requestTimeout: limits.timeout, headersTimeout: limits.timeout, connectionsCheckingInterval: 1000, maxHeaderSize: 8192 },
        (request, response) => void exchange(request, response, handler, limits.maxBody, () => server.listening),
      );
      server.maxConnections = limits.maxConnections;
      await listen(server, host, port);
      return listener(server);
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new SealError('SEAL-HTTP', `cannot listen: ${cause.message}`, {
          where: `${host}:${port}`,
          cause,
          hint: 'choose another port, or end the program that holds this one',
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

/** ms that running answers may still take after `close`. */
const closingTime = 2000;

function listener(server: Server): HttpListener {
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        const limit = setTimeout(() => {
          server.closeAllConnections();
        }, closingTime);
        server.close(() => {
          clearTimeout(limit);
          resolve();
        });
      }),
  };
}

async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  handler: HttpHandler,
  maxBody: number,
  goesOn: () => boolean,
): Promise<void> {
  const answer = await respond(request, handler, maxBody);
  if (response.destroyed) return;
  const head = { 'content-type': answer.contentType, 'content-length': answer.body.length, 'cache-control': 'no-store' };
  // Not used again: a connection on which the rest of a refused body is still coming, and any once the server closes.
  response.writeHead(answer.status, request.complete && goesOn() ? head : { ...head, connection: 'close' });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

async function respond(request: IncomingMessage, handler: HttpHandler, maxBody: number): Promise<ServedResponse> {
  try {
    const body = await readBody(request, maxBody);
    if (body === undefined) return plain(413, 'the request is too large');
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    return await handler({ method: request.method ?? 'GET', path, body });
  } catch {
    return plain(500, 'the request could not be answered');
  }
}

async function readBody(request: IncomingMessage, maxBody: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  // Destroying the request would take the socket with it, and the answer that says why.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBody) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function plain(status: number, text: string): ServedResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`) };
}
