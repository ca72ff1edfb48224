import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { baseUrl, certifyForEvaluation, serveEvaluationAuthority } from '../../src/app/tsa.ts';
import { createAuthority } from '../../src/authority/create.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { readPem, writePem } from '../../src/formats/pem.ts';
import { openssl } from '../authority/openssl.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';
import { CollectingLog } from '../support/log.ts';
import { dss } from '../support/judges.ts';
import { needs } from '../support/tools.ts';
import { createHash } from 'node:crypto';
import { buildOcspRequest } from '../../src/formats/ocsp.ts';
import { buildTimestampRequest, parseTimestampResponse } from '../../src/formats/tsp.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import type { TestContext } from 'node:test';

const files = nodeFiles();
after(() => files.close());

/** @param start UTC ms */
async function world(t: TestContext, start = Date.now()) {
  const top = temporaryDirectory(t);
  const fx = { clock: new ManualClock(start), files, random: systemRandom, log: new CollectingLog(), httpServer: httpServer() };
  const dir = join(top, 'authority');
  const { authority } = await createAuthority(fx, { dir, baseUrl: 'http://127.0.0.1:1', crlDir: join(top, 'crls') });
  await writeFile(join(top, 'trust.pem'), writePem(authority.root.certificate));
  await writeFile(join(top, 'issuing.pem'), writePem(authority.issuing.certificate));
  return { top, fx, dir };
}

describe('the evaluation authority while it serves', () => {
  test('stamps over HTTP for openssl, and says EVALUATION in log and names', needs('openssl'), async (t) => {
    const { top, fx, dir } = await world(t);
    const served = await serveEvaluationAuthority(fx, { dir, host: '127.0.0.1', port: 0 });
    t.after(() => served.close());
    await writeFile(join(top, 'data'), 'document');
    await openssl(top, 'ts', '-query', '-data', 'data', '-cert', '-out', 'request.tsq');
    const answer = await fetch(`${served.url}/tsa`, { method: 'POST', body: await readFile(join(top, 'request.tsq')) });
    await writeFile(join(top, 'answer.tsr'), Buffer.from(await answer.arrayBuffer()));
    const verify = ['ts', '-verify', '-queryfile', 'request.tsq', '-in', 'answer.tsr', '-CAfile', 'trust.pem', '-untrusted', 'issuing.pem'];
    const { status, output } = await openssl(top, ...verify);
    assert.equal(status, 0, output);
    assert.match(fx.log.messages('info').join(), /EVALUATION/);
    assert.match(fx.log.messages('warn').join(), /name another address/);
  });

  test('serves CRLs that are on disk too, renews them, and answers OCSP for a card certified meanwhile', needs('openssl'), async (t) => {
    const { top, fx, dir } = await world(t, Date.now() - 2 * 3_600_000);
    const served = await serveEvaluationAuthority(fx, { dir, host: '127.0.0.1', port: 0 });
    t.after(() => served.close());
    const crl = async () => parseCrl(Buffer.from(await (await fetch(`${served.url}/crl/issuing.crl`)).arrayBuffer()));
    const first = await crl();
    await fx.clock.advance(2 * 3_600_000);
    assert.ok((await crl()).thisUpdate > first.thisUpdate);

    for (const curve of ['prime256v1', 'brainpoolP256r1']) {
      await openssl(top, 'ecparam', '-genkey', '-noout', '-name', curve, '-out', 'card.key');
      await openssl(top, 'req', '-new', '-key', 'card.key', '-subj', '/C=DE/O=Insurer/CN=Seal card 1', '-out', 'card.csr');
      const [certificate] = await certifyForEvaluation(fx, dir, await readFile(join(top, 'card.csr')));
      assert.ok(certificate);
      await writeFile(join(top, 'card.pem'), writePem(certificate));
      const ask = [
        'ocsp',
        '-url',
        `${served.url}/ocsp`,
        '-issuer',
        'issuing.pem',
        '-CAfile',
        'trust.pem',
        '-verify_other',
        'issuing.pem',
        '-cert',
      ];
      assert.match((await openssl(top, ...ask, 'card.pem')).output, /card.pem: good/);
      const { output } = await openssl(top, 'x509', '-in', 'card.pem', '-noout', '-subject', '-ext', 'keyUsage');
      assert.match(output, /O = Sealtree EVALUATION, OU = Installation [0-9a-f]{8}, CN = Seal card 1[^]*Non Repudiation/);
    }
  });

  test(
    'gives timestamps that DSS accepts with what init leaves on disk, by CRLs alone and with its OCSP answers',
    needs('dss'),
    async (t) => {
      const { top, fx, dir } = await world(t);
      const served = await serveEvaluationAuthority(fx, { dir, host: '127.0.0.1', port: 0 });
      t.after(() => served.close());
      const post = async (path: string, body: Buffer) =>
        Buffer.from(await (await fetch(`${served.url}${path}`, { method: 'POST', body })).arrayBuffer());
      const messageImprint = createHash('sha512').update('document').digest();
      const { token } = parseTimestampResponse(
        await post('/tsa', buildTimestampRequest({ digest: 'sha512', messageImprint, certReq: true })),
      );
      assert.ok(token);
      const tsa = parseCertificate(readPem(await readFile(join(dir, 'tsa.pem')))[0] ?? token);
      const issuing = parseCertificate(readPem(await readFile(join(dir, 'issuing.pem')))[0] ?? token);
      await writeFile(join(top, 'token.tst'), token);
      await writeFile(join(top, 'document'), 'document');
      await writeFile(join(top, 'tsa.ocsp'), await post('/ocsp', buildOcspRequest(tsa, issuing)));
      const crl = (name: string) => join(top, `crls/evaluation-${name}.crl`);
      const question = { file: join(top, 'token.tst'), detached: [join(top, 'document')], trust: [join(top, 'trust.pem')] };
      const answers = await dss([
        { ...question, crls: [crl('root'), crl('issuing')] },
        { ...question, crls: [crl('root')], ocsps: [join(top, 'tsa.ocsp')] },
        { ...question, crls: [crl('root')] },
      ]);
      const [byCrl, byOcsp, without] = answers.map(({ detachedTimestamps: [stamp] }) => stamp);
      for (const stamp of [byCrl, byOcsp]) assert.deepEqual([stamp?.indication, stamp?.errors, stamp?.warnings], ['PASSED', [], []]);
      assert.equal(without?.indication, 'INDETERMINATE');
    },
  );

  test('ends all it started', async (t) => {
    const { fx, dir } = await world(t);
    const served = await serveEvaluationAuthority(fx, { dir, host: '127.0.0.1', port: 0 });
    await served.close();
    assert.equal(fx.clock.waiting, 0);
    await assert.rejects(fetch(served.url));
  });
});

describe('certification requests', () => {
  test('of another key, without a name, or not readable are refused', needs('openssl'), async (t) => {
    const { top, fx, dir } = await world(t);
    await openssl(
      top,
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'a.key',
      '-subj',
      '/CN=A',
      '-outform',
      'DER',
      '-out',
      'a.csr',
    );
    const good = await readFile(join(top, 'a.csr'));
    assert.equal((await certifyForEvaluation(fx, dir, good)).length, 2);
    const bent = Buffer.from(good);
    bent.writeUInt8(bent.readUInt8(bent.length - 1) ^ 1, bent.length - 1);
    await openssl(top, 'req', '-new', '-key', 'a.key', '-subj', '/O=Nobody', '-out', 'b.csr');
    for (const request of [
      bent,
      await readFile(join(top, 'b.csr')),
      Buffer.from('rubbish'),
      Buffer.from('3003020105', 'hex'),
      good.subarray(0, 50),
    ]) {
      await assert.rejects(certifyForEvaluation(fx, dir, request), { code: 'SEAL-INPUT-INVALID' });
    }
  });
});

test('addresses with IPv6 are written in brackets', () => {
  assert.equal(baseUrl('::1', 80), 'http://[::1]:80');
});
