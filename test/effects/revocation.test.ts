import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nodeFiles } from '../../src/effects/files.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { httpClient } from '../../src/effects/http.ts';
import { revocationSource } from '../../src/effects/revocation.ts';
import { SealError } from '../../src/errors.ts';
import { parseBasicOcspResponse, wrapOcspResponse } from '../../src/formats/ocsp.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { writePem } from '../../src/formats/pem.ts';
import { testAuthority, type TestAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { temporaryDirectory } from '../support/files.ts';
import type { Http, HttpRequest, HttpResponse } from '../../src/ports/http.ts';
import type { HttpHandler } from '../../src/ports/http-server.ts';
import type { RevocationData, RevocationSource } from '../../src/ports/revocation.ts';

const hour = 3_600_000;
const day = 24 * hour;

interface Setting {
  readonly authority: TestAuthority;
  readonly clock: ManualClock;
  readonly log: CollectingLog;
  readonly directory: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Instead of the authority. */
  answer: (request: HttpRequest, next: () => Promise<HttpResponse>) => Promise<HttpResponse>;
  readonly source: (trust?: { crls?: string[]; fetch?: boolean; allowHosts?: string[] }, cached?: boolean) => RevocationSource;
}

/** The authority's routes behind a client that goes through no network. */
function setting(t: TestContext): Setting {
  const clock = new ManualClock();
  const authority = testAuthority({ clock, baseUrl: 'http://pki.example.org' });
  const files = nodeFiles();
  t.after(() => files.close());
  const handler: HttpHandler = authority.handler();
  const log = new CollectingLog();
  const asked: string[] = [];
  const under: Setting = {
    authority,
    clock,
    log,
    directory: temporaryDirectory(t),
    asked,
    answer: (_request, next) => next(),
    source: ({ crls = [], fetch = true, allowHosts = [] } = {}, cached = false) =>
      revocationSource({ clock, files, http, log }, { crls, fetch, allowHosts }, cached ? join(under.directory, 'cache') : undefined),
  };
  const http: Http = {
    request: (request) => {
      const path = new URL(request.url).pathname;
      asked.push(path);
      return under.answer(request, () => handler({ method: request.method, path, body: request.body ?? Buffer.alloc(0) }));
    },
  };
  return under;
}

const dates = ({ crls, ocsps }: RevocationData): { crls: number[]; ocsps: number[] } => ({
  crls: crls.map((der) => parseCrl(der).thisUpdate),
  ocsps: ocsps.map((der) => parseBasicOcspResponse(der).responses[0]?.thisUpdate ?? 0),
});

test('CRLs come from configured files and directories, DER and PEM, those of the issuer only; a fresh one dropped there counts', async (t) => {
  const { authority, clock, directory, source, asked } = setting(t);
  const { certificate } = authority.issue();
  const first = authority.crl('issuing');
  writeFileSync(join(directory, 'all.pem'), writePem(authority.crl('root'), 'X509 CRL') + writePem(first, 'X509 CRL'));
  writeFileSync(join(directory, 'README'), 'not looked at');
  const revocation = source({ crls: [directory, join(directory, 'all.pem'), join(directory, 'none.crl')], fetch: false });
  const find = (): Promise<RevocationData> => revocation.find(certificate, authority.issuing.certificate, 0);
  const found = await find();
  assert.deepEqual(found.crls, [first, first]);
  assert.match(found.failures.join(), /none\.crl: no such file/);
  await clock.advance(hour);
  const second = authority.crl('issuing');
  writeFileSync(join(directory, 'fresh.crl'), second);
  assert.ok((await find()).crls.some((der) => der.equals(second)));
  rmSync(join(directory, 'fresh.crl'));
  await clock.advance(hour);
  assert.deepEqual((await find()).crls, [first, first]);
  assert.deepEqual(asked, [], 'without `fetch` nobody is asked');
});

test('a file that is no CRL is a failure by name, and the others still count', async (t) => {
  const { authority, directory, source } = setting(t);
  writeFileSync(join(directory, 'good.crl'), authority.crl('issuing'));
  writeFileSync(join(directory, 'bad\n.crl'), 'nonsense');
  writeFileSync(join(directory, 'cut.der'), authority.crl('issuing').subarray(0, 50));
  const found = await source({ crls: [directory] }).find(authority.issue().certificate, authority.issuing.certificate, 0);
  assert.equal(found.crls.length, 1);
  assert.deepEqual(found.failures.map((failure) => /[^/]*?(?=: )/.exec(failure.slice(directory.length + 1))?.[0]).sort(), [
    'bad\\n.crl',
    'cut.der',
  ]);
});

test('the addresses inside a certificate are asked, both kinds, and not again while the answers are fresh', async (t) => {
  const { authority, clock, source, asked } = setting(t);
  const revocation = source();
  const { certificate } = authority.issue();
  const start = clock.now();
  const find = (freshAfter: number): Promise<RevocationData> => revocation.find(certificate, authority.issuing.certificate, freshAfter);
  const found = await find(start - day);
  assert.deepEqual([dates(found), found.failures], [{ crls: [start], ocsps: [start] }, []]);
  assert.deepEqual(asked.splice(0).sort(), ['/crl/issuing.crl', '/ocsp']);
  await find(start - day);
  assert.deepEqual(asked, []);
  await clock.advance(hour);
  assert.deepEqual(dates(await find(start)), { crls: [start + hour], ocsps: [start + hour] }, 'later than wanted: asked again');
  asked.splice(0);
  await clock.advance(8 * day);
  await find(0);
  assert.equal(asked.length, 2, 'past nextUpdate');
  asked.splice(0);
  const other = await revocation.find(authority.issue({ keyName: 'other' }).certificate, authority.issuing.certificate, 0);
  assert.deepEqual([asked, other.ocsps.length], [['/ocsp'], 1], 'the CRL serves all certificates of its issuer');
});

test('a configured CRL that is fresh enough spares the network', async (t) => {
  const { authority, clock, directory, source, asked } = setting(t);
  writeFileSync(join(directory, 'a.crl'), authority.crl('issuing'));
  const revocation = source({ crls: [directory] });
  const { certificate } = authority.issue();
  await revocation.find(certificate, authority.issuing.certificate, clock.now() - hour);
  assert.deepEqual(asked, []);
  await revocation.find(certificate, authority.issuing.certificate, clock.now());
  assert.equal(asked.length, 2);
});

test('an address is asked once at a time, whoever waits for it', async (t) => {
  const under = setting(t);
  const { authority, asked } = under;
  const revocation = under.source();
  const { certificate } = authority.issue();
  let release: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  under.answer = async (_request, next) => {
    await gate;
    return await next();
  };
  const waiting = Array.from({ length: 10 }, () => revocation.find(certificate, authority.issuing.certificate, 0));
  const impatient = new AbortController();
  const aborted = revocation.find(certificate, authority.issuing.certificate, 0, impatient.signal);
  impatient.abort(new SealError('SEAL-INTERRUPTED', 'enough'));
  await assert.rejects(aborted, { code: 'SEAL-INTERRUPTED' });
  release?.();
  for (const found of await Promise.all(waiting)) assert.deepEqual([found.crls.length, found.ocsps.length], [1, 1]);
  assert.equal(asked.length, 2);
});

test('failures are named and logged, the old answer is given, and the server is left alone for a while', async (t) => {
  const under = setting(t);
  const { authority, clock, asked, log } = under;
  const revocation = under.source();
  const { certificate } = authority.issue();
  const find = (): Promise<RevocationData> => revocation.find(certificate, authority.issuing.certificate, clock.now());
  const start = clock.now();
  await revocation.find(certificate, authority.issuing.certificate, 0);
  under.answer = (request) =>
    request.url.endsWith('/ocsp')
      ? Promise.reject(new SealError('SEAL-HTTP', 'connection reset'))
      : Promise.resolve({ status: 503, contentType: 'text/html', body: Buffer.from('later') });
  await clock.advance(hour);
  asked.splice(0);
  for (let n = 0; n < 3; n++) {
    const found = await find();
    assert.deepEqual(dates(found), { crls: [start], ocsps: [start] });
    assert.deepEqual([...found.failures].sort(), [
      'http://pki.example.org/crl/issuing.crl: HTTP status 503',
      'http://pki.example.org/ocsp: connection reset',
    ]);
  }
  assert.equal(asked.length, 2);
  assert.equal(log.messages('warn').length, 2);
  under.answer = (_request, next) => next();
  await clock.advance(60_000);
  assert.deepEqual((await find()).failures, []);
});

test('what is malformed, refused, about another certificate, older or of the future never counts as an answer', async (t) => {
  const under = setting(t);
  const { authority, clock } = under;
  const revocation = under.source();
  const { certificate } = authority.issue();
  const old = authority.crl('issuing', { thisUpdate: clock.now() - day });
  const fine = await revocation.find(certificate, authority.issuing.certificate, 0);
  const respond = (crl: Buffer, ocsp: Buffer): void => {
    under.answer = ({ url }) => Promise.resolve({ status: 200, contentType: '', body: url.endsWith('/ocsp') ? ocsp : crl });
  };
  const again = async (): Promise<RevocationData> => {
    await clock.advance(hour);
    return await revocation.find(certificate, authority.issuing.certificate, clock.now());
  };
  respond(old, Buffer.from([0x30, 0x03, 0x0a, 0x01, 0x03]));
  const replayed = await again();
  assert.deepEqual([replayed.crls, replayed.ocsps], [fine.crls, fine.ocsps]);
  assert.match(replayed.failures.join(), /answered tryLater/);
  respond(Buffer.from('<html>'), Buffer.from('nonsense'));
  const nonsense = await again();
  assert.deepEqual([nonsense.crls, nonsense.ocsps, nonsense.failures.length], [fine.crls, fine.ocsps, 2]);
  respond(authority.crl('issuing', { thisUpdate: clock.now() + 2 * day }), Buffer.alloc(0));
  const future = await again();
  assert.deepEqual(future.crls, fine.crls);
  assert.match(future.failures.join(), /dated in the future/);
});

test('an OCSP answer about another certificate is a failure', async (t) => {
  const under = setting(t);
  const { authority } = under;
  const other = await authority.ocspFor(authority.issue({ keyName: 'other' }).certificate);
  under.answer = ({ url }, next) =>
    url.endsWith('/ocsp') ? Promise.resolve({ status: 200, contentType: '', body: wrapOcspResponse(other) }) : next();
  const found = await under.source().find(authority.issue().certificate, authority.issuing.certificate, 0);
  assert.deepEqual([found.ocsps, found.crls.length], [[], 1]);
  assert.match(found.failures.join(), /about another certificate/);
});

test('answers survive a restart on disk; damaged ones are fetched again, old ones removed', async (t) => {
  const { authority, clock, directory, source, asked } = setting(t);
  const { certificate } = authority.issue();
  const cache = join(directory, 'cache');
  const find = (): Promise<RevocationData> => source({}, true).find(certificate, authority.issuing.certificate, clock.now() - hour);
  const first = await find();
  asked.splice(0);
  assert.deepEqual(await find(), first);
  assert.deepEqual(asked, []);
  for (const name of readdirSync(cache)) writeFileSync(join(cache, name), 'damaged');
  assert.deepEqual(dates(await find()), dates(first));
  assert.equal(asked.length, 2);
  writeFileSync(join(cache, 'ancient.der'), 'x');
  clock.jump(Date.now() + 100 * day - clock.now());
  authority.setTime(clock.now());
  await find();
  assert.equal(readdirSync(cache).includes('ancient.der'), false);
});

test('over the real network: a private address only where the configuration allows it', async (t) => {
  const routes: { handler?: HttpHandler } = {};
  const listener = await httpServer().serve(
    '127.0.0.1',
    0,
    (request) => routes.handler?.(request) ?? Promise.reject(new Error('not ready')),
  );
  t.after(() => listener.close());
  const files = nodeFiles();
  t.after(() => files.close());
  const clock = new ManualClock();
  const authority = testAuthority({ clock, baseUrl: `http://127.0.0.1:${listener.port}` });
  routes.handler = authority.handler();
  const { certificate } = authority.issue();
  const fx = { clock, files, http: httpClient(), log: new CollectingLog() };
  const find = (allowHosts: string[]): Promise<RevocationData> =>
    revocationSource(fx, { crls: [], fetch: true, allowHosts }).find(certificate, authority.issuing.certificate, 0);
  const refused = await find(['127.0.0.1:1']);
  assert.deepEqual([refused.crls, refused.ocsps, refused.failures.length], [[], [], 2]);
  assert.match(refused.failures.join(), /not a public address/);
  for (const allowed of ['127.0.0.1', `127.0.0.1:${listener.port}`]) {
    const found = await find([allowed]);
    assert.deepEqual([found.crls.length, found.ocsps.length, found.failures], [1, 1, []], allowed);
  }
});
