import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import { Evaluation, type House } from '../house.ts';
import { assertComplete } from '../ready.ts';
import type { Waiting } from '../refusals.ts';

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

  const cases: readonly (readonly [string, (t: TestContext) => Promise<string>, RegExp])[] = [
    ['nobody listens', () => Promise.resolve('http://127.0.0.1:9/tsa'), /^SEAL-TSA-(UNAVAILABLE|INVALID)$|^SEAL-HTTP$/],
    ['an error page', (t) => serve(t, reply(500, 'text/html', '<h1>sorry</h1>')), /^SEAL-TSA-/],
    ['a web page instead of a token', (t) => serve(t, reply(200, 'text/html', '<h1>welcome</h1>')), /^SEAL-TSA-/],
    ['nonsense of the right type', (t) => serve(t, reply(200, 'application/timestamp-reply', Buffer.alloc(3000, 0x30))), /^SEAL-TSA-/],
    ['a refusal', (t) => serve(t, reply(200, 'application/timestamp-reply', rejection)), /^SEAL-TSA-/],
    ['silence', (t) => serve(t, () => undefined), /^SEAL-TSA-/],
  ];
  for (const [what, start, code] of cases)
    test(`${what}: the batch waits with its reason, and is delivered when the authority is back`, async (t) => {
      const house = evaluation.house();
      const url = await start(t);
      const back = useTsa(house, url);
      house.place('files', 'letters', { 'letter.txt': 'Good morning' });
      const { status, stdout, stderr } = await house.run('run', '--once');
      assert.equal(status, 75, `${stdout}${stderr}`);
      const [batch] = await house.ask<Waiting[]>('batch', 'list', '--state', 'waiting');
      assert.match(batch?.waiting?.code ?? '', code);
      assert.match(batch?.waiting?.hint ?? '', /\S/);
      assert.equal(existsSync(house.at('files', 'outgoing', 'letters')), false);

      back();
      const next = await house.run('run', '--once');
      assert.equal(next.status, 0, `${next.stdout}${next.stderr}`);
      assert.deepEqual(assertComplete(house.directory, 'files'), ['letters']);
    });

  test('closing without an authority: the tree is sealed and loud, and anchored later', async () => {
    const house = evaluation.house();
    house.place('files', 'letters', { 'letter.txt': 'Good morning' }, 'profile: cades-b-b');
    assert.equal((await house.run('run', '--once')).status, 0);
    const back = useTsa(house, 'http://127.0.0.1:9/tsa');
    const closed = await house.run('archive', 'close');
    assert.equal(closed.status, 75, closed.stderr);
    assert.match(closed.stdout, /! \S+: \d+ leaves, sealed\n {4}\S/);
    assert.match((await house.run('status')).stdout, /sealed, not anchored/);

    back();
    const anchored = await house.run('archive', 'close');
    assert.equal(anchored.status, 0, anchored.stdout);
    assert.equal((await house.run('archive', 'check')).status, 0);
  });
});

/** Points the configured authority somewhere else. @returns what points it back */
function useTsa(house: House, url: string): () => void {
  let own: unknown;
  house.edit((settings) => {
    own = settings.getIn(['tsas', 'evaluation', 'url']);
    settings.setIn(['tsas', 'evaluation', 'url'], url);
    settings.setIn(['tsas', 'evaluation', 'timeout'], '500ms');
  });
  return () => {
    house.edit((settings) => {
      settings.setIn(['tsas', 'evaluation', 'url'], own);
    });
  };
}
