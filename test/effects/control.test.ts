import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callControl, serveControl } from '../../src/effects/control.ts';
import { SealError } from '../../src/errors.ts';
import type { ControlHandler } from '../../src/ports/control.ts';

async function served(t: TestContext, handler: ControlHandler, below = ''): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `sealtree-control-${below}`));
  const server = await serveControl(directory, handler);
  t.after(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

test('an operation gets its arguments, reports progress and answers', async (t) => {
  const directory = await served(t, (request, secret, progress) => {
    progress({ what: 'counting', done: 1, total: 2 });
    return Promise.resolve({ request, pin: secret?.toString('latin1') });
  });
  const seen: number[] = [];
  const secret = Buffer.from('123456');
  const answer = await callControl(directory, { operation: 'key.activate', args: { name: 'card' }, actor: 'alice' }, secret, ({ done }) =>
    seen.push(done),
  );
  assert.deepEqual(answer, { request: { operation: 'key.activate', args: { name: 'card' }, actor: 'alice' }, pin: '123456' });
  assert.deepEqual(seen, [1]);
});

test('the handler’s copy of a PIN is zeroed when the operation has ended', async (t) => {
  let kept: Buffer = Buffer.alloc(0);
  const directory = await served(t, (_, secret) => {
    kept = secret ?? kept;
    return Promise.resolve(null);
  });
  await callControl(directory, { operation: 'x', args: {}, actor: 'a' }, Buffer.from('123456'));
  for (let tries = 0; tries < 1_000 && kept.some((octet) => octet !== 0); tries++) await sleep(10);
  assert.deepEqual([...kept], [0, 0, 0, 0, 0, 0]);
});

test('an error keeps its code and its hint on the way', async (t) => {
  const directory = await served(t, () => Promise.reject(new SealError('SEAL-KEY-PIN-LOCKED', 'locked', { hint: 'use the PUK' })));
  await assert.rejects(
    callControl(directory, { operation: 'x', args: {}, actor: 'a' }),
    (error) => error instanceof SealError && error.code === 'SEAL-KEY-PIN-LOCKED' && error.hint === 'use the PUK',
  );
});

test('nobody there: SEAL-DAEMON-ABSENT; a socket left by a killed daemon is replaced', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-control-'));
  t.after(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  const call = (): Promise<unknown> => callControl(directory, { operation: 'x', args: {}, actor: 'a' });
  await assert.rejects(call(), (error) => error instanceof SealError && error.code === 'SEAL-DAEMON-ABSENT');
  await writeFile(join(directory, 'control.sock'), '');
  const server = await serveControl(directory, () => Promise.resolve('alive'));
  assert.equal(await call(), 'alive');
  await server.close();
});

test('the socket is private, and its directory’s path may be longer than a socket address', async (t) => {
  const directory = await served(t, () => Promise.resolve(1), 'x'.repeat(150));
  assert.equal((await stat(join(directory, 'control.sock'))).mode & 0o777, 0o600);
  assert.equal(await callControl(directory, { operation: 'x', args: {}, actor: 'a' }), 1);
});

test('garbage and oversized frames end the connection, not the server', async (t) => {
  const directory = await served(t, () => Promise.resolve('ok'));
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0x7b, 0x5d]),
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(join(directory, 'control.sock'));
      socket.on('close', () => {
        resolve();
      });
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.write(bytes);
    });
  }
  assert.equal(await callControl(directory, { operation: 'x', args: {}, actor: 'a' }), 'ok');
});

test('a caller that goes away aborts its operation', async (t) => {
  let aborted = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    aborted = resolve;
  });
  const begun = Promise.withResolvers<undefined>();
  const directory = await served(
    t,
    (_, __, ___, signal) =>
      new Promise((_resolve, reject) => {
        begun.resolve(undefined);
        signal.addEventListener('abort', () => {
          aborted();
          reject(new Error('gone'));
        });
      }),
  );
  const interrupt = new AbortController();
  const call = callControl(directory, { operation: 'x', args: {}, actor: 'a' }, undefined, undefined, interrupt.signal);
  void begun.promise.then(() => {
    interrupt.abort(new SealError('SEAL-INTERRUPTED', 'interrupted'));
  });
  await assert.rejects(call, (error) => error instanceof SealError && error.code === 'SEAL-INTERRUPTED');
  await gone;
});
