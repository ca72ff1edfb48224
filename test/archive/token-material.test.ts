import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeToken } from '../../src/archive/token-material.ts';
import { checkBasisErs } from '../../src/formats/tsp-basis-ers.ts';
import { normalizeToken } from '../../src/formats/tsp-normalize.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { sha256 } from '../../src/formats/digests.ts';
import { openTrust, type Trust } from '../../src/pki/trust.ts';
import { testAuthority, type TestAuthority } from '../support/authority.ts';
import type { RevocationData, RevocationSource } from '../../src/ports/revocation.ts';

const hour = 3_600_000;

function trustIn(authority: TestAuthority): Trust {
  return openTrust({
    anchors: [authority.root.certificate],
    certificates: [],
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: 'none',
  });
}

function source(answer: (certificate: Buffer) => Promise<Partial<RevocationData>>): { readonly revocation: RevocationSource } {
  return { revocation: { find: async (certificate) => ({ crls: [], ocsps: [], failures: [], ...(await answer(certificate)) }) } };
}

async function token(authority: TestAuthority): Promise<Buffer> {
  return normalizeToken(await authority.timestamp('sha256', sha256(Buffer.from('root'))));
}

void test('small CRLs are taken before OCSP answers: every validator reads them', async () => {
  const authority = testAuthority();
  const fx = source(async (certificate) => ({ crls: authority.crls(), ocsps: [await authority.ocspFor(certificate)] }));
  const { complete, missing, token: full } = await completeToken(fx, trustIn(authority), await token(authority));
  assert.deepEqual([complete, missing], [true, []]);
  const { cms } = parseTimestampToken(full);
  assert.deepEqual([cms.crls.length, cms.ocsps.length, cms.version], [2, 0, 3]);
  assert.deepEqual(cms.certificates.length, 2, 'signer and issuing CA, not the anchor');
  assert.deepEqual(checkBasisErs(full), []);
});

void test('an OCSP answer stands in for a large CRL, in the form that Basis-ERS allows', async () => {
  const authority = testAuthority();
  for (let n = 0; n < 2500; n++) authority.revoke({ serialNumber: Buffer.from(`serial number ${n}`) });
  const [root, issuing] = authority.crls();
  assert.ok(root && issuing && issuing.length > 65_536);
  const fx = source(async (certificate) => ({
    crls: [root, issuing],
    ocsps: [await authority.ocspFor(certificate).catch(() => Buffer.alloc(0))],
  }));
  const { complete, token: full } = await completeToken(fx, trustIn(authority), await token(authority));
  assert.ok(complete);
  const { cms } = parseTimestampToken(full);
  assert.deepEqual([cms.crls.length, cms.ocsps.length, cms.version], [1, 1, 5]);
  assert.deepEqual(checkBasisErs(full), []);
  const onlyLarge = source(() => Promise.resolve({ crls: [root, issuing] }));
  const large = await completeToken(onlyLarge, trustIn(authority), await token(authority));
  assert.deepEqual([large.complete, parseTimestampToken(large.token).cms.crls.length], [true, 2]);
});

void test('only data later than asked counts, and replaces what the token held', async () => {
  const authority = testAuthority();
  const stamped = await token(authority);
  const { genTime } = parseTimestampToken(stamped);
  const trust = trustIn(authority);
  const old = authority.crls();
  const first = await completeToken(
    source(() => Promise.resolve({ crls: old })),
    trust,
    stamped,
  );
  assert.ok(first.complete);
  const stale = await completeToken(
    source(() => Promise.resolve({ crls: old })),
    trust,
    first.token,
    genTime,
  );
  assert.equal(stale.complete, false);
  assert.match(stale.missing.join(), /is older than/);
  authority.setTime(genTime + hour);
  const fresh = authority.crls();
  const second = await completeToken(
    source(() => Promise.resolve({ crls: fresh })),
    trust,
    first.token,
    genTime,
  );
  assert.ok(second.complete);
  const kept = parseTimestampToken(second.token)
    .cms.crls.map((crl) => crl.toString('hex'))
    .sort();
  assert.deepEqual(kept, fresh.map((crl) => crl.toString('hex')).sort());
  assert.deepEqual(parseTimestampToken(second.token).tstInfo, parseTimestampToken(stamped).tstInfo);
});

void test('without data, without an anchor, or with a revoked authority the token stays incomplete and says why', async () => {
  const authority = testAuthority();
  const stamped = await token(authority);
  const none = await completeToken(
    source(() => Promise.resolve({ failures: ['http://crl.example: refused'] })),
    trustIn(authority),
    stamped,
  );
  assert.equal(none.complete, false);
  assert.match(none.missing.join(), /crl\.example: refused/);

  const strange = await completeToken(
    source(() => Promise.resolve({})),
    trustIn(testAuthority({ name: 'Stranger' })),
    stamped,
  );
  assert.equal(strange.complete, false);
  assert.match(strange.missing.join(), /issuer|anchor/);

  authority.revoke(authority.tsaIdentity, { at: parseTimestampToken(stamped).genTime - hour });
  const revoked = await completeToken(
    source(() => Promise.resolve({ crls: authority.crls() })),
    trustIn(authority),
    stamped,
  );
  assert.equal(revoked.complete, false);
  assert.match(revoked.missing.join(), /revoked/);
});
