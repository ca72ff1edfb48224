import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { authorityKey } from '../../src/authority/signing.ts';
import { timestampResponder } from '../../src/authority/tsa.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { oids } from '../../src/formats/oids.ts';
import { buildTimestampRequest, parseTimestampResponse, parseTimestampToken } from '../../src/formats/tsp.ts';
import { judgeTimestamp } from '../../src/pki/timestamps.ts';
import { openTrust } from '../../src/pki/trust.ts';
import { ManualClock } from '../support/clock.ts';
import { needs } from '../support/tools.ts';
import { OpensslCa } from '../support/openssl-ca.ts';
import { cn, day, extension, makeCa, makeCertificate, makeCrl, noon } from '../support/pki.ts';
import type { TimestampInputs } from '../../src/pki/timestamps.ts';
import type { Entity, Extension } from '../support/pki.ts';

const root = makeCa({ subject: cn('root') });
const stamping = [extension.keyUsage('digitalSignature'), extension.extendedKeyUsage(true, oids.timeStamping)];
const tsa = makeCertificate({
  subject: cn('tsa'),
  issuer: root,
  extensions: stamping,
  notBefore: noon - 10 * day,
  notAfter: noon + 10 * day,
});
const data = Buffer.from('a signature value');
const imprint = (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, data);
const good = makeCrl({ signer: root });

async function stamp(by: Entity = tsa, at = noon): Promise<Buffer> {
  const random = { bytes: (length: number) => Buffer.alloc(length, 7) };
  const identity = { ...authorityKey(by.privateKey), certificate: by.certificate.der };
  const responder = timestampResponder({ clock: new ManualClock(at), random }, { identity, chain: [], policy: '1.2.3', accuracy: 100 });
  const request = buildTimestampRequest({ digest: 'sha256', messageImprint: imprint('sha256'), certReq: true });
  const { token } = parseTimestampResponse(await responder(request));
  assert.ok(token);
  return token;
}

function judge(token: Buffer, inputs: Partial<TimestampInputs> & { crls?: readonly Buffer[]; anchors?: readonly Entity[] } = {}) {
  const { anchors = [root], crls = [good], ...rest } = inputs;
  const trust = openTrust({
    anchors: anchors.map(({ certificate }) => certificate.der),
    certificates: [],
    revocation: { crls, ocsps: [], failures: [] },
    revocationMode: 'require',
  });
  return judgeTimestamp(parseTimestampToken(token), { kind: 'signature-timestamp', trust, at: noon + day, imprint, ...rest });
}

function word(token: Buffer, inputs: Parameters<typeof judge>[1] = {}): string {
  const { indication, subIndication } = judge(token, inputs).report;
  return indication === 'PASSED' ? 'PASSED' : `${indication} ${subIndication ?? ''}`;
}

test('a good token passes, and tells its time, its chain and until when it proves', async () => {
  const { certificate, chain, provesUntil, report, wanted } = judge(await stamp());
  assert.deepEqual(report.errors, []);
  const { genTime, indication, intact, kind, messageImprint, trusted, valid } = report;
  assert.deepEqual(
    { genTime, indication, intact, kind, trusted, valid },
    { genTime: '2026-06-01T12:00:00.000Z', indication: 'PASSED', intact: true, kind: 'signature-timestamp', trusted: true, valid: true },
  );
  assert.deepEqual(messageImprint, { algorithm: 'sha256', value: imprint('sha256').toString('hex') });
  assert.ok(certificate?.der.equals(tsa.certificate.der));
  assert.equal(chain?.chain.length, 2);
  assert.equal(provesUntil, tsa.certificate.notAfter + 1000);
  assert.deepEqual(wanted, []);
});

test('a token over something else fails, one whose data is not at hand stays open', async () => {
  const token = await stamp();
  assert.equal(word(token, { imprint: (algorithm) => digestOf(algorithm, Buffer.from('other')) }), 'FAILED HASH_FAILURE');
  assert.equal(judge(token, { imprint: () => Buffer.alloc(32) }).report.intact, false);
  assert.equal(word(token, { imprint: () => undefined }), 'INDETERMINATE SIGNED_DATA_NOT_FOUND');
});

test('an authority must be certified for timestamps, critically and for nothing else', async () => {
  const other = async (extensions: readonly Extension[]) => word(await stamp(makeCertificate({ issuer: root, extensions })));
  assert.equal(await other(stamping), 'PASSED');
  assert.equal(await other([]), 'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE');
  assert.equal(await other([extension.extendedKeyUsage(false, oids.timeStamping)]), 'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE');
  assert.equal(
    await other([extension.extendedKeyUsage(true, oids.timeStamping, oids.codeSigning)]),
    'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE',
  );
  assert.equal(
    await other([extension.extendedKeyUsage(true, oids.timeStamping), extension.keyUsage('keyEncipherment')]),
    'INDETERMINATE CHAIN_CONSTRAINTS_FAILURE',
  );
});

test('nobody is believed without a chain to an anchor and an answer about revocation', async () => {
  const token = await stamp();
  assert.equal(word(token, { anchors: [makeCa({ subject: cn('root') })] }), 'INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND');
  const open = judge(token, { crls: [] });
  assert.equal(open.report.subIndication, 'TRY_LATER');
  assert.deepEqual(open.wanted, [{ certificate: tsa.certificate.der, issuer: root.certificate.der }]);
  assert.equal(
    word(token, { crls: [], pool: { certificates: [], crls: [good] } }),
    'PASSED',
    'revocation data that came with the document',
  );
  assert.equal(word(token, { freshAfter: noon }), 'INDETERMINATE TRY_LATER', 'a list from before the token');
  const structure = judge(token, { trust: undefined });
  assert.deepEqual([structure.report.valid, structure.report.intact, structure.report.trusted], [true, true, false]);
});

test('the certificate must have been valid when the token was made, and when it is judged', async () => {
  assert.equal(word(await stamp(tsa, noon - 11 * day)), 'FAILED NOT_YET_VALID');
  const after = [makeCrl({ signer: root, thisUpdate: noon + 9 * day, nextUpdate: noon + 30 * day })];
  assert.equal(word(await stamp(tsa, noon + 11 * day), { at: noon + 12 * day, crls: after }), 'FAILED EXPIRED');
  const token = await stamp();
  assert.equal(word(token, { at: noon + 9 * day, crls: after }), 'PASSED');
  assert.equal(word(token, { at: noon + 11 * day, crls: after }), 'INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED', 'nobody has renewed it');
  assert.equal(word(token, { at: noon - day }), 'INDETERMINATE TIMESTAMP_ORDER_FAILURE', 'it comes from the future');
});

test('tokens survive the revocation of a certificate that was replaced, not that of a lost key', async () => {
  const token = await stamp();
  const revoked = (date: number, reason?: number) => [
    makeCrl({ signer: root, entries: [{ serialNumber: tsa.certificate.serialNumber, date, ...(reason === undefined ? {} : { reason }) }] }),
  ];
  const at = noon + 3 * day;
  for (const reason of [0, 3, 4, 5]) {
    const judged = judge(token, { at, crls: revoked(noon + 2 * day, reason) });
    assert.equal(judged.report.indication, 'PASSED', String(reason));
    assert.match(judged.report.chain.warnings.join(), /was revoked at 2026-06-03T12:00:00Z/);
    assert.equal(word(token, { at, crls: revoked(noon - 1000, reason) }), 'INDETERMINATE REVOKED_NO_POE', 'revoked before the token');
  }
  for (const reason of [undefined, 1, 2])
    assert.equal(word(token, { at, crls: revoked(noon + 2 * day, reason) }), 'INDETERMINATE REVOKED_NO_POE');
  assert.equal(word(token, { at: noon + day, crls: revoked(noon + 2 * day, 1) }), 'PASSED', 'a later timestamp proves that it is older');
});

test('a flipped bit anywhere is never a good token', async () => {
  const token = await stamp();
  const offsets = fc.tuple(fc.nat(token.length - 1), fc.nat(7));
  fc.assert(
    fc.property(offsets, ([at, bit]) => {
      const mutated = Buffer.from(token);
      mutated[at] = (mutated[at] ?? 0) ^ (1 << bit);
      try {
        const { report } = judge(mutated);
        if (report.indication === 'PASSED') assert.deepEqual(differenceOutside(token, mutated), [], `offset ${at}`);
      } catch (error) {
        assert.ok(error instanceof SealError, String(error));
      }
    }),
    { numRuns: 600 },
  );
});

/** What is signed or believed must be as it was; version numbers and lists of digests in the framing say nothing. */
function differenceOutside(token: Buffer, mutated: Buffer): string[] {
  const [before, after] = [parseTimestampToken(token), parseTimestampToken(mutated)];
  const differing: string[] = [];
  if (!before.tstInfo.equals(after.tstInfo)) differing.push('TSTInfo');
  if (
    before.cms.signers[0]?.signedAttributes?.toBeSigned.equals(after.cms.signers[0]?.signedAttributes?.toBeSigned ?? Buffer.alloc(0)) !==
    true
  )
    differing.push('signed attributes');
  return differing;
}

test('tokens of openssl are judged alike, and an imprint by SHA-1 proves nothing any more', needs('openssl'), () => {
  using ca = new OpensslCa();
  ca.selfSigned('ca', { extensions: ['basicConstraints=critical,CA:TRUE'] });
  ca.issue('tsa', 'ca', ['extendedKeyUsage=critical,timeStamping']);
  ca.write('data', data);
  ca.write('serial', '01\n');
  ca.write(
    'tsa.conf',
    '[tsa]\ndefault_tsa=d\n[d]\nserial=serial\nsigner_cert=tsa.pem\nsigner_key=tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3\ndigests=sha1,sha256,sha512\ness_cert_id_alg=sha256\ntsa_name=yes\n',
  );
  const trust = openTrust({
    anchors: [ca.der('ca.pem')],
    certificates: [],
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: 'soft-fail',
  });
  const verdicts = ['sha256', 'sha512', 'sha1'].map((digest) => {
    ca.run('ts', '-query', '-data', 'data', `-${digest}`, '-cert', '-out', 'q.tsq');
    ca.run('ts', '-reply', '-config', 'tsa.conf', '-queryfile', 'q.tsq', '-out', 'r.tsr');
    const { token } = parseTimestampResponse(ca.read('r.tsr'));
    assert.ok(token);
    const parsed = parseTimestampToken(token);
    const { report } = judgeTimestamp(parsed, { kind: 'signature-timestamp', trust, at: parsed.genTime, imprint });
    assert.equal(report.valid, true);
    assert.deepEqual(
      report.chain.warnings.filter((warning) => warning.includes('name')),
      [],
    );
    return report.subIndication ?? report.indication;
  });
  assert.deepEqual(verdicts, ['PASSED', 'PASSED', 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE']);
});
