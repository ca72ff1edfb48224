import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { check } from '../../../src/app/check/check.ts';
import type { Finding } from '../../../src/app/check/finding.ts';
import type { Config } from '../../../src/model/config.ts';
import type { Effects } from '../../../src/ports/effects.ts';
import { ServiceHouse } from '../../support/service.ts';

const calm = { sign: false, actor: 'karl', signal: new AbortController().signal, progress: () => undefined };

/** What check says about revocation in a house, with other revocation data or other settings. */
async function said(house: ServiceHouse, fx: Partial<Effects> = {}, trust: Partial<Config['trust']> = {}): Promise<readonly Finding[]> {
  const config = { ...house.config, trust: { ...house.config.trust, ...trust } };
  const service = await house.service(fx, config);
  const findings = await check({ fx: { ...house.fx, ...fx }, config, database: true, service }, calm);
  return findings.filter(({ what }) => what.endsWith('revocation'));
}

suite('check of revocation', () => {
  test('is tried for keys and authorities, until when the answer holds', async (t) => {
    const findings = await said(await ServiceHouse.open(t));
    assert.deepEqual(
      findings.map(({ status, what }) => [status, what]),
      [
        ['ok', 'key key revocation'],
        ['ok', 'tsa tsa revocation'],
      ],
    );
    for (const { message } of findings) assert.match(message, /not revoked, says CRL \(current until 2026-/);
  });

  test('what cannot be had is an error with the address and what to do; a warning where soft-fail lets documents leave', async (t) => {
    const house = await ServiceHouse.open(t);
    house.offline = true;
    const [key] = await said(house);
    assert.deepEqual([key?.status, key?.code], ['error', 'SEAL-TRUST-REVOCATION']);
    assert.match(key?.message ?? '', /http:\/\/crl: no answer/);
    assert.match(key?.hint ?? '', /trust\.crls/);
    assert.equal((await said(house, {}, { revocation: 'soft-fail' }))[0]?.status, 'warning');
    assert.match((await said(house, {}, { revocation: 'none' }))[0]?.message ?? '', /not asked/);
  });

  test('an address that does not answer is told although configured CRLs still serve', async (t) => {
    const house = await ServiceHouse.open(t);
    const find: Effects['revocation']['find'] = async (...args) => ({
      ...(await house.fx.revocation.find(...args)),
      failures: ['http://crl.example/ca.crl: connection refused'],
    });
    const findings = await said(house, { revocation: { find } });
    assert.deepEqual(
      findings.filter(({ what }) => what.startsWith('key')).map(({ status }) => status),
      ['ok', 'warning'],
    );
  });
});
