import { SealError, asSealError } from '../../errors.ts';
import { displayName } from '../../formats/names.ts';
import { buildTimestampRequest, parseTimestampResponse } from '../../formats/tsp.ts';
import { TokenJudge } from './judge.ts';
import type { JudgeEffects } from './judge.ts';
import type { TsaConfig } from '../../model/config.ts';
import type { Trust } from '../../pki/trust.ts';
import type { Effects } from '../../ports/effects.ts';
import type { HttpResponse } from '../../ports/http.ts';
import type { SecretReader } from '../../ports/secrets.ts';
import type { TimestampAuthority, TimestampRequest } from '../../ports/tsa.ts';

export type TsaEffects = JudgeEffects & Pick<Effects, 'http' | 'random'> & { readonly readSecret: SecretReader };

/** Bytes; a token with its certificates and CRLs is some ten thousand. */
const maxBytes = 2 ** 21;
/** Bytes; what every authority takes. */
const nonceLength = 8;

/** An RFC 3161 authority over HTTP (§3.4). One request a call, no retry. */
export function httpAuthority(fx: TsaEffects, config: TsaConfig, trust: Trust): TimestampAuthority {
  const judge = new TokenJudge(fx, config, trust);
  return {
    name: config.name,
    timestamp: async (request, signal) => {
      const nonce = fx.random.bytes(nonceLength);
      const response = await post(fx, config, encode(config, request, nonce), signal);
      const token = readToken(config, response.body);
      return await judge.judge(token, request, nonce, signal);
    },
  };
}

function encode({ policy }: TsaConfig, { digest, messageImprint }: TimestampRequest, nonce: Buffer): Buffer {
  return buildTimestampRequest({ digest, messageImprint, nonce, certReq: true, ...(policy === undefined ? {} : { policy }) });
}

async function post(fx: TsaEffects, config: TsaConfig, body: Buffer, signal: AbortSignal | undefined): Promise<HttpResponse> {
  const headers = {
    'content-type': 'application/timestamp-query',
    accept: 'application/timestamp-reply',
    ...(await authorization(fx, config)),
  };
  const { url, timeout } = config;
  let response: HttpResponse;
  try {
    response = await fx.http.request({ url, method: 'POST', headers, body, timeout, maxBytes, allowPrivate: true }, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    const error = asSealError(thrown);
    throw new SealError('SEAL-TSA-UNAVAILABLE', `${config.name}: ${error.message}`, {
      where: url,
      cause: thrown,
      hint: 'look at the address, the network and the authority’s own status page',
    });
  }
  if (response.status !== 200) throw httpError(config, response.status);
  return response;
}

async function authorization(fx: TsaEffects, { credentials }: TsaConfig): Promise<Readonly<Record<string, string>>> {
  if (credentials === undefined) return {};
  const password = await fx.readSecret(credentials.password);
  const pair = Buffer.concat([Buffer.from(`${credentials.user}:`, 'utf8'), password]);
  password.fill(0);
  const authorization = `Basic ${pair.toString('base64')}`;
  pair.fill(0);
  return { authorization };
}

function httpError({ name, url, credentials }: TsaConfig, status: number): SealError {
  const denied = status === 401 || status === 403;
  return new SealError(denied ? 'SEAL-TSA-REFUSED' : 'SEAL-TSA-UNAVAILABLE', `${name}: answered with HTTP status ${status}`, {
    where: url,
    hint: denied
      ? `the authority wants ${credentials === undefined ? '“credentials:”' : 'other “credentials:”'}, or this address is not allowed to ask`
      : 'look at the address and the authority’s own status page',
  });
}

/** The token inside a TimeStampResp (RFC 3161 §2.4.2). Hostile input. */
function readToken({ name, url }: TsaConfig, body: Buffer): Buffer {
  const response = parse(name, url, body);
  if (response.token !== undefined) return response.token;
  const words = [...response.failInfo, ...response.statusText.map((text) => displayName(text.slice(0, 200)))].join(', ');
  throw new SealError('SEAL-TSA-REFUSED', `${name}: ${response.status}${words === '' ? '' : `: ${words}`}`, {
    where: url,
    hint: 'the authority says why; digest, policy and contract must fit what it offers',
  });
}

function parse(name: string, url: string, body: Buffer): ReturnType<typeof parseTimestampResponse> {
  try {
    return parseTimestampResponse(body);
  } catch (cause) {
    throw new SealError('SEAL-TSA-INVALID', `${name}: the answer is no timestamp response: ${asSealError(cause).message}`, {
      where: url,
      cause,
      hint: 'is this the address of an RFC 3161 authority?',
    });
  }
}
