import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { httpServer } from '../../src/effects/http-server.ts';
import type { TestContext } from 'node:test';
import type { HttpHandler } from '../../src/ports/http-server.ts';

const limits = { maxBody: 1000, timeout: 60_000, maxConnections: 4 };
const echo: HttpHandler = ({ method, path, body }) =>
  Promise.resolve({ status: 200, contentType: 'text/plain', body: Buffer.from(`${method} ${path} ${body.toString('latin1')}`) });

async function serve(t: TestContext, handler: HttpHandler = echo, changes: Partial<typeof limits> = {}) {
  const listener = await httpServer({ ...limits, ...changes }).serve('127.0.0.1', 0, handler);
  t.after(() => listener.close());
  return listener;
}

/** Everything the server answers to these bytes, until it closes the connection. */
function raw(port: number, ...writes: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  for (const bytes of writes) socket.write(bytes);
  return text(socket);
}

describe('HTTP server', () => {
  test('gives method, path without query and body to the handler', async (t) => {
    const { port } = await serve(t);
    const answer = await fetch(`http://127.0.0.1:${port}/a%20b?c=d`, { method: 'POST', body: 'hello' });
    assert.equal(await answer.text(), 'POST /a%20b hello');
    assert.equal(answer.headers.get('content-type'), 'text/plain');
  });

  test('listens on loopback only, on a port that it tells', async (t) => {
    const { port } = await serve(t);
    assert.ok(port > 0);
    await assert.rejects(httpServer(limits).serve('127.0.0.1', port, echo), { code: 'SEAL-HTTP', where: `127.0.0.1:${port}` });
    await assert.rejects(httpServer(limits).serve('192.0.2.1', 0, echo), { code: 'SEAL-HTTP' });
  });

  test('answers 413 to a body that is too large, and reads no further', async (t) => {
    const { port } = await serve(t);
    const head = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n';
    assert.match(await raw(port, head, 'x'.repeat(2000)), /^HTTP\/1.1 413 /);
  });

  test('ends a request that does not come to its end in time', async (t) => {
    const { port } = await serve(t, echo, { timeout: 300 });
    assert.match(await raw(port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc'), /^HTTP\/1.1 408 /);
  });

  test('answers 500 without details when the handler fails', async (t) => {
    const { port } = await serve(t, () => Promise.reject(new Error('secret detail')));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /secret/);
  });

  test('survives what is not HTTP', async (t) => {
    const { port } = await serve(t);
    assert.match(await raw(port, '\u0016\u0003\u0001 not http\r\n\r\n'), /^HTTP\/1.1 400 /);
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200);
  });

  test('lets a running answer end when it is closed', async () => {
    const started = Promise.withResolvers<undefined>();
    const go = Promise.withResolvers<undefined>();
    const listener = await httpServer(limits).serve('127.0.0.1', 0, async () => {
      started.resolve(undefined);
      await go.promise;
      return { status: 200, contentType: 'text/plain', body: Buffer.from('whole') };
    });
    const answer = fetch(`http://127.0.0.1:${listener.port}/`);
    await started.promise;
    const closed = listener.close();
    go.resolve(undefined);
    assert.equal(await (await answer).text(), 'whole');
    await closed;
    await assert.rejects(fetch(`http://127.0.0.1:${listener.port}/`));
  });
});
