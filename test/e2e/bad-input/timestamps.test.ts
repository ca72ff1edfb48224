import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { filesBelow } from '../deliveries.ts';
import { Evaluation, type House } from '../house.ts';
import { runDelivers, runWaits } from '../refusals.ts';

/** A timestamp authority of bad habits. @returns its address */
async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`;
}

const reply =
  (status: number, type: string, body: string | Buffer): RequestListener =>
  (_, response) =>
    response.writeHead(status, { 'content-type': type }).end(body);

/** PKIStatusInfo: rejection. */
const rejection = Buffer.from('30053003020102', 'hex');

describe('timestamp authorities that do not answer, or answer nonsense', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('nobody listens, error page, web page, nonsense, refusal, silence: batches wait with their reason, and are delivered when it is back', async (t) => {
    const house = evaluation.house();
    const authorities = {
      nobody: 'http://127.0.0.1:9/tsa',
      'error-page': await serve(t, reply(500, 'text/html', '<h1>sorry</h1>')),
      'web-page': await serve(t, reply(200, 'text/html', '<h1>welcome</h1>')),
      nonsense: await serve(t, reply(200, 'application/timestamp-reply', Buffer.alloc(3000, 0x30))),
      refusal: await serve(t, reply(200, 'application/timestamp-reply', rejection)),
      silence: await serve(t, () => undefined),
    };
    const names = Object.keys(authorities);
    addAuthorities(house, authorities);
    for (const name of names) house.place('files', name, { 'letter.txt': `Good morning, ${name}` }, `profile: ${name}`);
    for (const [path, { code }] of await runWaits(house, names)) assert.match(code, /^SEAL-TSA-/, path);

    const own = house.setting('tsas', 'evaluation', 'url');
    addAuthorities(house, Object.fromEntries(names.map((name) => [name, own])), '60s');
    await runDelivers(house, names);
  });

  test('sealtree sign does not wait: it says what is missing, and leaves nothing half', async () => {
    const house = evaluation.house();
    addAuthorities(house, { nobody: 'http://127.0.0.1:9/tsa' });
    const { status, stderr } = await house.run('sign', house.trust, '--profile', 'nobody', '--out', join(house.directory, 'signed'));
    assert.equal(status, 75, stderr);
    assert.match(stderr, /error SEAL-TSA-UNAVAILABLE[^]*hint: \S/);
    assert.deepEqual(filesBelow(join(house.directory, 'signed')), []);
  });

  test('closing without an authority: the tree is sealed and loud, and anchored later', async () => {
    const house = evaluation.house();
    house.place('files', 'letters', { 'letter.txt': 'Good morning' }, 'profile: cades-b-b');
    assert.equal((await house.run('run', '--once')).status, 0);
    const own = house.setting('tsas', 'evaluation', 'url');
    useAuthority(house, 'http://127.0.0.1:9/tsa');
    const closed = await house.run('archive', 'close');
    assert.equal(closed.status, 75, closed.stderr);
    assert.match(closed.stdout, /! \S+: \d+ leaves, sealed\n {4}\S/);
    assert.match((await house.run('status')).stdout, /sealed, not anchored/);

    useAuthority(house, own);
    const anchored = await house.run('archive', 'close');
    assert.equal(anchored.status, 0, anchored.stdout);
    assert.equal((await house.run('archive', 'check')).status, 0);
  });
});

/** Where the authority that closes the days is. */
function useAuthority(house: House, url: string): void {
  house.edit((settings) => {
    settings.setIn(['tsas', 'evaluation', 'url'], url);
  });
}

/** Authorities, each with a profile of its name that a semaphore may choose. */
function addAuthorities(house: House, urls: Readonly<Record<string, string>>, timeout = '500ms'): void {
  house.edit((settings) => {
    for (const [name, url] of Object.entries(urls)) {
      settings.setIn(['tsas', name], settings.createNode({ url, timeout }));
      settings.setIn(['profiles', name], settings.createNode({ format: 'cades', level: 'B-T', tsas: [name] }));
    }
    settings.setIn(['roots', 'files', 'allowProfiles'], settings.createNode(['cades-b-b', ...Object.keys(urls)]));
  });
}
