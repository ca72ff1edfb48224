import { lookup as resolveName } from 'node:dns/promises';
import { request as plainRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { displayName } from '../formats/names.ts';
import { SealError } from '../errors.ts';
import { isPublicAddress } from './addresses.ts';
import type { Http, HttpRequest, HttpResponse } from '../ports/http.ts';

interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface HttpOptions {
  /** All addresses of a host name; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
}

const maxHeaders = 16 * 1024;

/**
 * HTTP client on node:http and node:https: one connection a request, no redirects, no proxy, size and time capped. Unless
 * `allowPrivate`, the host's addresses are checked when they are resolved, and the connection goes to a checked address: a name that
 * resolves to another one a moment later gains nothing.
 */
export function httpClient({ resolve = (host) => resolveName(host, { all: true }) }: HttpOptions = {}): Http {
  return {
    request: async (wanted, signal) => {
      const url = parseUrl(wanted);
      try {
        signal?.throwIfAborted();
        return await exchange(wanted, url, checkedLookup(wanted.allowPrivate, resolve), signal);
      } catch (thrown) {
        if (signal?.aborted === true) throw signal.reason;
        throw thrown instanceof SealError ? thrown : failed(url, thrown instanceof Error ? thrown.message : String(thrown), thrown);
      }
    },
  };
}

/** Hostile where it comes out of a certificate. */
function parseUrl({ url, allowPrivate }: HttpRequest): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:'))
    throw new SealError('SEAL-HTTP', 'not an http or https address', { where: displayName(url.slice(0, 200)), retryable: false });
  if (parsed.username !== '' || parsed.password !== '')
    throw new SealError('SEAL-HTTP', 'an address with a user name is refused', { where: display(parsed), retryable: false });
  const literal = parsed.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(literal) !== 0 && !isPublicAddress(literal)) throw refused(parsed.hostname, [literal]);
  return parsed;
}

function checkedLookup(allowPrivate: boolean, resolve: (host: string) => Promise<readonly ResolvedAddress[]>): LookupFunction {
  return (host, _options, callback) => {
    resolve(host).then(
      (found) => {
        const usable = found.filter(({ address }) => allowPrivate || isPublicAddress(address));
        if (usable.length > 0) callback(null, [...usable]);
        else {
          const addresses = found.map(({ address }) => address);
          callback(found.length === 0 ? new Error(`${host} has no address`) : refused(host, addresses), []);
        }
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)), []);
      },
    );
  };
}

function exchange(wanted: HttpRequest, url: URL, lookup: LookupFunction, signal: AbortSignal | undefined): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method: wanted.method,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        'user-agent': 'sealtree',
        ...wanted.headers,
        ...(wanted.body === undefined ? {} : { 'content-length': wanted.body.length }),
      },
      agent: false,
      maxHeaderSize: maxHeaders,
      lookup,
      ...(signal === undefined ? {} : { signal }),
    };
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, options);
    const limit = setTimeout(() => {
      request.destroy(failed(url, `no complete answer within ${wanted.timeout} ms`));
    }, wanted.timeout);
    const end = (act: () => void): void => {
      clearTimeout(limit);
      act();
      request.destroy();
    };
    request.on('error', (error) => {
      end(() => {
        reject(error);
      });
    });
    request.on('upgrade', (_response, socket) => {
      socket.on('error', () => undefined);
      end(() => {
        reject(failed(url, 'the server changes the protocol'));
      });
    });
    request.on('response', (response) => {
      receive(request, response, url, wanted.maxBytes).then(
        (answer) => {
          end(() => {
            resolve(answer);
          });
        },
        (error: unknown) => {
          end(() => {
            reject(error instanceof Error ? error : new Error(String(error)));
          });
        },
      );
    });
    request.end(wanted.body);
  });
}

/** The answer, whole. Hostile. */
async function receive(request: ClientRequest, response: IncomingMessage, url: URL, maxBytes: number): Promise<HttpResponse> {
  const encoding = response.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw failed(url, 'the answer is compressed, which was not asked for');
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLong(url, maxBytes);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) throw tooLong(url, maxBytes);
    parts.push(part);
  }
  if (!response.complete) throw failed(url, 'the answer is cut off', request.errored ?? undefined);
  return { status: response.statusCode ?? 0, contentType: response.headers['content-type'] ?? '', body: Buffer.concat(parts) };
}

function display(url: URL): string {
  return displayName(`${url.protocol}//${url.host}${url.pathname}`.slice(0, 200));
}

function failed(url: URL, message: string, cause?: unknown): SealError {
  return new SealError('SEAL-HTTP', message, { where: display(url), hint: 'check the address, the network and the server', cause });
}

function tooLong(url: URL, maxBytes: number): SealError {
  return new SealError('SEAL-HTTP', `the answer is longer than ${maxBytes} bytes`, { where: display(url), retryable: false });
}

function refused(host: string, addresses: readonly string[]): SealError {
  return new SealError('SEAL-HTTP', `${host} is not a public address (${addresses.join(', ')})`, {
    where: displayName(host),
    hint: 'name the host under trust.allowHosts if it is yours',
    retryable: false,
  });
}
