import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { documents, Evaluation } from './house.ts';

interface Finding {
  status: string;
  what: string;
  message: string;
}

describe('check and the address of the evaluation authority', () => {
  const evaluation = new Evaluation();
  before(() => evaluation.init());
  after(() => {
    evaluation.remove();
  });

  test('beside a daemon everything is checked through it, keys with a signature each', async (t) => {
    const house = evaluation.house();
    const daemon = await house.daemon(t);
    const findings = await house.ask<Finding[]>('check', '--sign');
    assert.deepEqual(
      findings.filter(({ status }) => status !== 'ok').map(({ what }) => what),
      ['evaluation'],
    );
    for (const what of ['daemon', 'root files claim', 'key evaluation-ec signature', 'tsa evaluation revocation'])
      assert.ok(
        findings.some((finding) => finding.what === what),
        what,
      );
    assert.equal(await daemon.stop(), 0);
  });

  test('taken by another program: what needs no timestamp works; what does says who and what to do; the daemon does not start', async (t) => {
    const house = evaluation.house();
    const address = house.setting('evaluation', 'listen');
    const { port, hostname } = new URL(`http://${address}`);
    const server = await listen(Number(port), hostname);
    t.after(() => {
      server.close();
    });
    const signed = await house.run(
      'sign',
      join(documents, 'libreoffice.pdf'),
      '--profile',
      'pades-b-b',
      '--out',
      join(house.directory, 'signed'),
    );
    assert.equal(signed.status, 0, signed.stderr);
    const stamped = await house.run(
      'sign',
      join(documents, 'libreoffice.pdf'),
      '--profile',
      'cades-b-t',
      '--out',
      join(house.directory, 'stamped'),
    );
    assert.notEqual(stamped.status, 0);
    assert.match(stamped.stdout + stamped.stderr, new RegExp(`${address} is held by another program`));
    assert.match(stamped.stdout + stamped.stderr, /evaluation\.listen/);
    const checked = await house.run('check');
    assert.equal(checked.status, 75);
    assert.match(checked.stdout, /✗ tsa evaluation: SEAL-TSA-UNAVAILABLE .*held by another program/);
    const daemon = await house.run('run', '--once');
    assert.equal(daemon.status, 69);
    assert.match(daemon.stderr, /SEAL-HTTP: .*held by another program/);
  });
});

function listen(port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((_, response) => {
      response.writeHead(404).end();
    });
    server.once('error', reject);
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}
