import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { httpClient } from '../../../src/effects/http.ts';
import { SealError } from '../../../src/errors.ts';
import { children, integer, parse, sequence, Tag } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import { buildTimestampRequest, parseTimestampResponse, wrapTimestampToken } from '../../../src/formats/tsp.ts';
import { openTrust } from '../../../src/pki/trust.ts';
import { timestampResponder } from '../../../src/authority/tsa.ts';
import { authorityKey } from '../../../src/authority/signing.ts';
import { timestampAuthorities } from '../../../src/signer/tsa/index.ts';
import { testAuthority, testPolicy } from '../../support/authority.ts';
import { ManualClock } from '../../support/clock.ts';
import { CollectingLog } from '../../support/log.ts';
import { temporaryDirectory } from '../../support/store.ts';
import { needs } from '../../support/tools.ts';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorCode } from '../../../src/errors.ts';
import type { TsaConfig } from '../../../src/model/config.ts';
import type { Timestamp } from '../../../src/ports/tsa.ts';
import type { TestIdentity } from '../../support/authority.ts';

interface Answer {
  readonly status?: number;
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never answers. */
  readonly silent?: boolean;
}

const imprint = createHash('sha256').update('signature value').digest();
const authority = testAuthority();
const secret = 'open sesame';

let server: Server;
let url: string;
let answer: (request: Buffer) => Answer | Promise<Answer>;
let headers: IncomingHttpHeaders;
let asked: number;

before(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked++;
      headers = request.headers;
      void Promise.resolve(answer(Buffer.concat(parts))).then(({ status = 200, body = Buffer.alloc(0), silent, headers: own }) => {
        if (silent !== true) response.writeHead(status, { 'content-type': 'application/timestamp-reply', ...own }).end(body);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = 0;
  answer = async (request) => ({ body: await authority.tsa()(request) });
});

interface Ask {
  readonly config?: Partial<TsaConfig>;
  readonly log?: CollectingLog;
  readonly clock?: ManualClock;
  readonly signal?: AbortSignal;
  readonly crls?: readonly Buffer[];
}

async function stamp({
  config,
  log = new CollectingLog(),
  clock = new ManualClock(authority.now()),
  signal,
  crls,
}: Ask = {}): Promise<Timestamp> {
  const trust = openTrust({
    anchors: [authority.root.certificate],
    certificates: [],
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: 'require',
    maxAge: 86_400_000,
  });
  const fx = {
    clock,
    log,
    http: httpClient(),
    random: { bytes: randomBytes },
    readSecret: () => Buffer.from(secret),
    revocation: { find: () => Promise.resolve({ crls: crls ?? authority.crls(), ocsps: [], failures: [] }) },
  };
  const tsa: TsaConfig = { name: 'tsa', url, digest: 'sha256', timeout: 60_000, ...config };
  const one = timestampAuthorities(fx, [tsa], trust).get('tsa');
  assert.ok(one);
  return await one.timestamp({ digest: 'sha256', messageImprint: imprint }, signal);
}

async function refused(code: ErrorCode, message: RegExp, ask: Ask = {}): Promise<void> {
  const thrown: unknown = await stamp(ask).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof SealError, String(thrown));
  assert.deepEqual([thrown.code, message.test(thrown.message)], [code, true], thrown.message);
  assert.ok(thrown.hint && thrown.where === (ask.config?.url ?? url));
}

/** What the client asked, as it can be asked again with changes. */
function fieldsOf(request: Buffer): {
  readonly digest: 'sha256';
  readonly messageImprint: Buffer;
  readonly nonce: Buffer;
  readonly certReq: true;
} {
  const nonce = children(parse(request)).filter(({ tag }) => tag === Tag.integer)[1];
  assert.ok(nonce);
  return { digest: 'sha256', messageImprint: imprint, nonce: nonce.content, certReq: true };
}

/** Tokens of another signer below the same root. */
function responder(identity: TestIdentity, clock = new ManualClock(authority.now())): (request: Buffer) => Promise<Buffer> {
  const options = { identity: { ...authorityKey(identity.privateKey), certificate: identity.certificate }, chain: identity.chain.slice(1), policy: testPolicy, accuracy: 100 }; // prettier-ignore
  return timestampResponder({ clock, random: { bytes: randomBytes } }, options);
}

const from = (respond: (request: Buffer) => Promise<Buffer>) => async (request: Buffer) => ({ body: await respond(request) });

describe('RFC 3161 over HTTP', () => {
  test('a good token is believed; openssl ts verifies it', needs('openssl'), async (t) => {
    const timestamp = await stamp({ config: { policy: testPolicy } });
    assert.deepEqual([timestamp.tsa, timestamp.genTime, timestamp.accuracy], ['tsa', authority.now(), 100]);
    assert.equal(headers['content-type'], 'application/timestamp-query');
    assert.equal(headers.authorization, undefined);
    const directory = await temporaryDirectory(t);
    const { trust, intermediates } = authority.write(directory);
    writeFileSync(`${directory}/response`, wrapTimestampToken(timestamp.token));
    const args = [
      '-verify',
      '-digest',
      imprint.toString('hex'),
      '-in',
      `${directory}/response`,
      '-CAfile',
      trust,
      '-untrusted',
      intermediates,
    ];
    assert.match(execFileSync('openssl', ['ts', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }).toString(), /Verification: OK/);
  });

  test('each request has its own nonce, and is sent once', async () => {
    const nonces: string[] = [];
    answer = async (request) => {
      nonces.push(fieldsOf(request).nonce.toString('hex'));
      return { body: await authority.tsa()(request) };
    };
    await stamp();
    await stamp();
    assert.equal(new Set(nonces).size, 2);
    assert.equal(asked, 2);
  });

  test('credentials go as basic authentication', async () => {
    await stamp({ config: { credentials: { user: 'sealtree', password: { env: 'X' } } } });
    assert.equal(headers.authorization, `Basic ${Buffer.from(`sealtree:${secret}`).toString('base64')}`);
  });
});

describe('an authority that lies', () => {
  const again = (change: object) => async (request: Buffer) => ({
    body: await authority.tsa()(buildTimestampRequest({ ...fieldsOf(request), ...change })),
  });
  const lies: Readonly<Record<string, readonly [() => (request: Buffer) => Promise<Answer>, RegExp, Ask?]>> = {
    'wrong imprint': [() => again({ messageImprint: randomBytes(32) }), /wrong imprint/],
    'another digest': [() => again({ digest: 'sha512', messageImprint: randomBytes(64) }), /sha512/],
    'another nonce': [() => again({ nonce: randomBytes(8) }), /nonce is another/],
    'no nonce': [() => again({ nonce: undefined }), /nonce is missing/],
    'another policy': [() => again({}), /policy/, { config: { policy: '1.2.3' } }],
    'an expired certificate': [() => from(responder(authority.issue({ profile: 'tsa', state: 'expired' }))), /expired/],
    'a revoked certificate': [() => from(responder(authority.issue({ profile: 'tsa', state: 'revoked' }))), /revoked/i],
    'a certificate for documents': [() => from(responder(authority.issue({ profile: 'signer' }))), /extended key usage/],
    'a purpose beside timeStamping': [
      () => from(responder(authority.issue({ profile: 'tsa', extendedKeyUsage: [oids.timeStamping, oids.codeSigning] }))),
      /extended key|timeStamping/,
    ],
    'another root': [() => from(testAuthority({ name: 'Other', now: authority.now() }).tsa()), /no certificate of the issuer/],
    'a time ahead of ours': [() => from(responder(authority.tsaIdentity, new ManualClock(authority.now() + 86_400_000))), /lies after/],
    'a changed signature': [
      () => async (request: Buffer) => {
        const body = await authority.tsa()(request);
        body[body.length - 5] = (body.at(-5) ?? 0) ^ 1;
        return { body };
      },
      /./,
    ],
  };
  for (const [lie, [make, message, ask]] of Object.entries(lies))
    test(`${lie}: not believed`, async () => {
      answer = make();
      await refused('SEAL-TSA-INVALID', message, ask);
    });

  test('revocation of the authority cannot be known: not believed where it is required', async () => {
    await refused('SEAL-TSA-INVALID', /./, { crls: [] });
  });

  test('a time behind ours is believed, because the nonce shows that it is new, and logged', async () => {
    answer = from(responder(authority.tsaIdentity, new ManualClock(authority.now() - 3_600_000)));
    const log = new CollectingLog();
    await stamp({ log });
    assert.match(log.messages('warn').join(), /behind the clock/);
  });
});

describe('an authority that does not answer as it should', () => {
  test('rejections carry its words, without control characters', async () => {
    await refused('SEAL-TSA-REFUSED', /unacceptedPolicy/, { config: { policy: '1.2.3' } });
    const words = Buffer.from('quota\u001b[2Jexceeded');
    const text = Buffer.concat([Buffer.from([Tag.utf8String, words.length]), words]);
    answer = () => ({ body: sequence(sequence(integer(2), sequence(text))) });
    await refused('SEAL-TSA-REFUSED', /rejection: quota\\x1b\[2Jexceeded/);
    answer = () => ({ body: sequence(sequence(integer(3))) });
    await refused('SEAL-TSA-REFUSED', /waiting/);
  });

  test('nonsense', async () => {
    const good = await authority.tsa()(buildTimestampRequest({ digest: 'sha256', messageImprint: imprint, certReq: true }));
    const { token } = parseTimestampResponse(good);
    for (const body of [Buffer.from('<html>hello</html>'), Buffer.alloc(0), good.subarray(0, 300), token ?? good, randomBytes(500)]) {
      answer = () => ({ body });
      await refused('SEAL-TSA-INVALID', /no timestamp response/);
    }
  });

  test('HTTP errors, redirects, too much, silence, nobody there', async () => {
    answer = () => ({ status: 500 });
    await refused('SEAL-TSA-UNAVAILABLE', /500/);
    answer = () => ({ status: 401 });
    await refused('SEAL-TSA-REFUSED', /401/);
    answer = () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } });
    await refused('SEAL-TSA-UNAVAILABLE', /./);
    answer = () => ({ body: Buffer.alloc(3 * 2 ** 20) });
    await refused('SEAL-TSA-UNAVAILABLE', /./);
    answer = () => ({ silent: true });
    await refused('SEAL-TSA-UNAVAILABLE', /./, { config: { timeout: 200 } });
    await refused('SEAL-TSA-UNAVAILABLE', /./, { config: { url: 'http://127.0.0.1:1/tsa' } });
  });

  test('an aborted call ends at once with the reason', async () => {
    answer = () => ({ silent: true });
    const abort = new AbortController();
    const pending = stamp({ signal: abort.signal });
    setTimeout(() => {
      abort.abort(new Error('stopping'));
    }, 50);
    await assert.rejects(pending, /stopping/);
  });
});
