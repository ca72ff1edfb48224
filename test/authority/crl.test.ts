import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CertificateRevocationList } from 'pkijs';
import { crlDue, encodeCrl, revocationReasons } from '../../src/authority/crl.ts';
import { authorityKey } from '../../src/authority/signing.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { testAuthority } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { openssl } from './openssl.ts';
import { temporaryDirectory } from '../support/files.ts';
import type { RevocationReason } from '../../src/formats/crl.ts';

const day = 86_400_000;

describe('CRLs of the evaluation CA', () => {
  test('are verified and printed by openssl', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    const signer = authority.issue();
    authority.revoke(signer, { reason: 'superseded' });
    authority.write(directory);
    for (const [crl, issuer] of [
      ['root.crl', 'trust.pem'],
      ['issuing.crl', 'issuing.pem'],
    ] as const) {
      const { output } = await openssl(directory, 'crl', '-inform', 'DER', '-in', crl, '-CAfile', issuer, '-noout', '-text');
      assert.match(output, /verify OK/);
      if (crl === 'root.crl') assert.match(output, /No Revoked Certificates/);
      else assert.match(output, new RegExp(`${signer.serialNumber.toString('hex').toUpperCase()}[^]*Superseded`));
    }
  });

  test('changed by one bit are refused by openssl', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    authority.write(directory);
    const crl = authority.crl('issuing');
    crl.writeUInt8(crl.readUInt8(40) ^ 1, 40);
    await writeFile(join(directory, 'bad.crl'), crl);
    const { output } = await openssl(directory, 'crl', '-inform', 'DER', '-in', 'bad.crl', '-CAfile', 'issuing.pem', '-noout');
    assert.doesNotMatch(output, /verify OK/);
  });

  test('hold number, period, entries and reasons, read alike by pkijs and by our own reader', () => {
    const { issuing } = testAuthority();
    const reasons = Object.keys(revocationReasons) as RevocationReason[];
    const revoked = reasons.map((reason, index) => ({ serialNumber: Buffer.from([0x80 + index, 7]), revocationTime: index * day, reason }));
    const period = { thisUpdate: 1_795_000_000_000, nextUpdate: 1_795_600_000_000 };
    const der = encodeCrl({ number: 258n, ...period, revoked }, { ...authorityKey(issuing.privateKey), certificate: issuing.certificate });
    const ours = parseCrl(der);
    assert.deepEqual({ thisUpdate: ours.thisUpdate, nextUpdate: ours.nextUpdate }, period);
    assert.equal(ours.cRLNumber, 258n);
    assert.equal(ours.count(), reasons.length);
    const theirs = CertificateRevocationList.fromBER(new Uint8Array(der));
    assert.equal(theirs.thisUpdate.value.getTime(), period.thisUpdate);
    assert.equal(theirs.revokedCertificates?.length, reasons.length);
    for (const [index, reason] of reasons.entries()) {
      const entry = ours.find(Buffer.from([0, 0x80 + index, 7]), () => true);
      assert.equal(entry?.revocationDate, index * day);
      assert.equal(entry.reason ?? 'unspecified', reason);
    }
  });

  test('of 50,000 entries are made and read', () => {
    const { issuing } = testAuthority();
    const revoked = Array.from({ length: 50_000 }, (_, index) => {
      const serialNumber = Buffer.alloc(16, 0x41);
      serialNumber.writeUInt32BE(index, 12);
      return { serialNumber, revocationTime: 0 };
    });
    const identity = { ...authorityKey(issuing.privateKey), certificate: issuing.certificate };
    assert.equal(parseCrl(encodeCrl({ number: 1n, thisUpdate: 0, nextUpdate: day, revoked }, identity)).count(), 50_000);
  });

  test('are due after the interval, in the last third of their life, and when the clock was set back', () => {
    const crl = { thisUpdate: 100 * day, nextUpdate: 130 * day };
    assert.equal(crlDue(crl, 100 * day, day), false);
    assert.equal(crlDue(crl, 101 * day, day), true);
    assert.equal(crlDue(crl, 119 * day, 365 * day), false);
    assert.equal(crlDue(crl, 120 * day, 365 * day), true);
    assert.equal(crlDue(crl, 99 * day, day), true);
  });
});
