import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { isPublicAddress } from '../../src/effects/addresses.ts';
import { httpClient } from '../../src/effects/http.ts';
import { writePem } from '../../src/formats/pem.ts';
import { testAuthority } from '../support/authority.ts';
import type { HttpRequest } from '../../src/ports/http.ts';

const http = httpClient();
const usual = { method: 'GET', timeout: 60_000, maxBytes: 10_000, allowPrivate: true } as const;
const get = (url: string, change: Partial<HttpRequest> = {}): HttpRequest => ({ ...usual, url, ...change });
const refusal = (message: RegExp): object => ({ name: 'SealError', code: 'SEAL-HTTP', message });

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that speaks less than HTTP. */
async function serveRaw(t: TestContext, talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a request goes out and its answer comes back, whatever the status', async (t) => {
  const url = await serve(t, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = `${request.method ?? ''} ${request.url ?? ''} ${request.headers['content-type'] ?? ''} ${Buffer.concat(parts).toString('hex')}`;
      response.writeHead(request.url === '/missing' ? 404 : 200, { 'content-type': 'application/timestamp-reply' }).end(text);
    });
  });
  const body = Buffer.from([0, 255, 10]);
  const headers = { 'content-type': 'application/timestamp-query' };
  const answer = await http.request(get(`${url}/tsa?a=b`, { method: 'POST', headers, body }));
  assert.deepEqual([answer.status, answer.contentType], [200, 'application/timestamp-reply']);
  assert.equal(answer.body.toString(), 'POST /tsa?a=b application/timestamp-query 00ff0a');
  assert.equal((await http.request(get(`${url}/missing`))).status, 404);
});

test('a redirect is not followed', async (t) => {
  let hits = 0;
  const url = await serve(t, (_request, response) => {
    hits++;
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  assert.equal((await http.request(get(url))).status, 302);
  assert.equal(hits, 1);
});

test('an answer longer than allowed is cut off, announced or not', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/announced') response.writeHead(200, { 'content-length': 20_000 }).write('x');
    else {
      response.on('error', () => undefined);
      const more = (): void => {
        while (response.writable && response.write(Buffer.alloc(4_096)));
        response.once('drain', more);
      };
      more();
    }
  });
  await assert.rejects(http.request(get(`${url}/announced`)), refusal(/longer than 10000 bytes/));
  await assert.rejects(http.request(get(`${url}/endless`)), refusal(/longer than 10000 bytes/));
});

test('a server that is slow anywhere ends at the time limit: silent, in the headers, in the body', async (t) => {
  for (const [what, said] of [
    ['silent', ''],
    ['headers', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ] as const) {
    const url = await serveRaw(t, (socket) => socket.write(said));
    await assert.rejects(http.request(get(url, { timeout: 100 })), refusal(/no complete answer within 100 ms/), what);
  }
});

test('a reset, a cut answer, nonsense and a closed port are errors with the address', async (t) => {
  const reset = await serveRaw(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  await assert.rejects(http.request(get(reset)), { ...refusal(/ECONNRESET|hang up/), where: `${reset}/` });
  const cut = await serveRaw(t, (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')));
  await assert.rejects(http.request(get(cut)), refusal(/aborted|cut off/));
  const nonsense = await serveRaw(t, (socket) => socket.once('data', () => socket.end('220 smtp ready\r\n')));
  await assert.rejects(http.request(get(nonsense)), refusal(/Parse Error/));
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n';
  const upgrade = await serveRaw(t, (socket) => socket.once('data', () => socket.write(switching)));
  await assert.rejects(http.request(get(upgrade)), refusal(/changes the protocol/));
  const packed = await serve(t, (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'));
  await assert.rejects(http.request(get(packed)), refusal(/compressed/));
  await assert.rejects(http.request(get('http://127.0.0.1:1/')), refusal(/ECONNREFUSED/));
});

test('a TLS server whose certificate leads to no known root is refused', async (t) => {
  const { certificate, privateKey } = testAuthority().issue({ subject: 'localhost' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const server = createTlsServer({ cert: writePem(certificate), key }, (_request, response) => response.end('secret')).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(http.request(get(`https://127.0.0.1:${port}/`)), refusal(/certificate/));
});

test('the caller ends a request with its own reason', async (t) => {
  const url = await serveRaw(t, () => undefined);
  const reason = new Error('enough');
  const abort = new AbortController();
  const asked = http.request(get(url), abort.signal);
  setImmediate(() => {
    abort.abort(reason);
  });
  await assert.rejects(asked, reason);
  await assert.rejects(http.request(get(url), AbortSignal.abort(reason)), reason);
});

test('only http and https, and no user names', async () => {
  for (const url of ['file:///etc/passwd', 'ftp://example.org/a.crl', 'ldap://example.org/cn=x', 'gopher://x/', 'data:,x', 'nonsense', ''])
    await assert.rejects(http.request(get(url)), { ...refusal(/not an http or https address/), retryable: false });
  await assert.rejects(http.request(get('http://user:pass@example.org/')), { ...refusal(/user name/), where: 'http://example.org/' });
});

test('addresses of the public internet and the others', () => {
  const inside = `0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1
    192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254
    ff02::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 0:0:0:0:0:ffff:c0a8:0101 64:ff9b::127.0.0.1
    64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2001::1 2001:db8::1 3fff::1 ::127.0.0.1 localhost 1.2.3 256.1.1.1`;
  for (const address of inside.split(/\s+/)) assert.equal(isPublicAddress(address), false, address);
  const outside = `1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 172.15.255.255
    172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255 2606:4700::1111 2a00::1 ::ffff:1.1.1.1 ::ffff:808:808 64:ff9b::8.8.8.8`;
  for (const address of outside.split(/\s+/)) assert.equal(isPublicAddress(address), true, address);
});

test('an address out of a certificate cannot reach into the house, however it is written', async (t) => {
  let hits = 0;
  const url = new URL(await serve(t, (_request, response) => response.end(String(++hits))));
  for (const host of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '017700000001',
    '[::ffff:127.0.0.1]',
    '[::1]',
    '0.0.0.0',
    '169.254.169.254',
  ])
    await assert.rejects(
      http.request(get(`http://${host}:${url.port}/`, { allowPrivate: false })),
      refusal(/is not a public address/),
      host,
    );
  await assert.rejects(http.request(get(`http://localhost:${url.port}/`, { allowPrivate: false })), refusal(/is not a public address/));
  const named = httpClient({ resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) });
  const evil = `http://crl.example.org:${url.port}/`;
  await assert.rejects(named.request(get(evil, { allowPrivate: false })), { ...refusal(/127\.0\.0\.1/), hint: /allowHosts/ });
  assert.equal(hits, 0);
  assert.equal((await named.request(get(evil))).body.toString(), '1', 'a host that the configuration names');
});

test('the connection goes to the address that was checked: a name that changes gains nothing', async (t) => {
  let hits = 0;
  const url = new URL(await serve(t, (_request, response) => response.end(String(++hits))));
  let asked = 0;
  const changing = (...answers: string[]): ReturnType<typeof httpClient> =>
    httpClient({ resolve: () => Promise.resolve([{ address: answers[asked++] ?? '127.0.0.1', family: 4 }]) });
  await assert.rejects(
    changing('192.0.2.1').request(get(`http://rebind.example.org:${url.port}/`, { allowPrivate: false })),
    refusal(/192\.0\.2\.1/),
  );
  assert.deepEqual([asked, hits], [1, 0], 'the second answer, which points into the house, was never asked for');
  asked = 0;
  assert.equal((await changing('127.0.0.1', '192.0.2.1').request(get(`http://own.example.org:${url.port}/`))).body.toString(), '1');
  assert.deepEqual([asked, hits], [1, 1], 'checked and connected from one and the same answer');
  const mixed = httpClient({
    resolve: () =>
      Promise.resolve([
        { address: '127.0.0.1', family: 4 },
        { address: '::ffff:127.0.0.1', family: 6 },
      ]),
  });
  await assert.rejects(
    mixed.request(get(`http://mixed.example.org:${url.port}/`, { allowPrivate: false })),
    refusal(/not a public address/),
  );
  const nothing = httpClient({ resolve: () => Promise.resolve([]) });
  await assert.rejects(nothing.request(get('http://none.example.org/')), refusal(/has no address/));
  assert.equal(hits, 1);
});
