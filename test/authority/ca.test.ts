import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Certificate } from 'pkijs';
import { parseCertificate } from '../../src/formats/x509.ts';
import { testAuthority } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { openssl } from './openssl.ts';
import { temporaryDirectory } from '../support/files.ts';
import type { KeyKind } from '../../src/authority/signing.ts';

const kinds: readonly KeyKind[] = [
  'rsa2048',
  'rsa3072',
  'p256',
  'p384',
  'p521',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
  'ed25519',
];
const verify = ['verify', '-x509_strict', '-CAfile', 'trust.pem', '-untrusted', 'issuing.pem', '-crl_check_all', '-CRLfile', 'crls.pem'];

describe('certificates of the evaluation CA', () => {
  test('for every kind of key are accepted by openssl, strictly and with revocation', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    const files = kinds.map((kind) => ({ file: `${kind}.pem`, pem: authority.issue({ keyType: kind }).pem }));
    for (const { file, pem } of files) await writeFile(join(directory, file), pem);
    authority.write(directory);
    const { status, output } = await openssl(directory, ...verify, ...files.map(({ file }) => file));
    assert.equal(status, 0, output);
    assert.equal(output.match(/: OK/g)?.length, kinds.length, output);
  });

  for (const options of [
    { keyType: 'rsa2048' },
    { keyType: 'rsa2048', padding: 'pss' },
    { keyType: 'p384' },
    { keyType: 'brainpoolP256r1' },
  ] as const) {
    test(
      `of a CA with ${options.keyType} ${'padding' in options ? options.padding : ''} are accepted by openssl`,
      needs('openssl'),
      async (t) => {
        const directory = temporaryDirectory(t);
        const authority = testAuthority(options);
        await writeFile(join(directory, 'signer.pem'), authority.issue().pem);
        authority.write(directory);
        const { status, output } = await openssl(directory, ...verify, 'signer.pem');
        assert.equal(status, 0, output);
      },
    );
  }

  test('are refused by openssl when expired, not yet valid or revoked', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    const states = { expired: /has expired/, 'not-yet-valid': /not yet valid/, revoked: /revoked/ } as const;
    for (const state of ['expired', 'not-yet-valid', 'revoked'] as const) {
      await writeFile(join(directory, `${state}.pem`), authority.issue({ state }).pem);
      authority.write(directory);
      const { status, output } = await openssl(directory, ...verify, `${state}.pem`);
      assert.equal(status, 2, output);
      assert.match(output, states[state]);
    }
  });

  test('have the purposes that openssl asks for', needs('openssl'), async (t) => {
    const directory = temporaryDirectory(t);
    const authority = testAuthority();
    authority.write(directory);
    await writeFile(join(directory, 'tsa.pem'), authority.tsaIdentity.pem);
    await writeFile(join(directory, 'client.pem'), authority.issue({ profile: 'authentication' }).pem);
    await writeFile(join(directory, 'signer.pem'), authority.issue().pem);
    const purpose = async (name: string, file: string) => (await openssl(directory, ...verify, '-purpose', name, file)).status;
    assert.equal(await purpose('timestampsign', 'tsa.pem'), 0);
    assert.equal(await purpose('sslclient', 'client.pem'), 0);
    assert.notEqual(await purpose('timestampsign', 'signer.pem'), 0);
    assert.notEqual(await purpose('sslclient', 'tsa.pem'), 0);
  });

  test('say what they are for, where their revocation data lies, and EVALUATION', () => {
    const authority = testAuthority({ baseUrl: 'http://127.0.0.1:9' });
    const signer = parseCertificate(authority.issue({ subject: 'Signer' }).certificate);
    assert.deepEqual([...(signer.keyUsage ?? [])], ['contentCommitment']);
    assert.deepEqual(signer.crlUrls, ['http://127.0.0.1:9/crl/issuing.crl']);
    assert.deepEqual(signer.ocspUrls, ['http://127.0.0.1:9/ocsp']);
    assert.deepEqual(signer.caIssuersUrls, ['http://127.0.0.1:9/ca/issuing.cer']);
    const tsa = parseCertificate(authority.tsaIdentity.certificate);
    assert.deepEqual(tsa.extendedKeyUsage, ['1.3.6.1.5.5.7.3.8']);
    assert.equal(tsa.extensions.get('2.5.29.37')?.critical, true);
    const issuing = parseCertificate(authority.issuing.certificate);
    assert.deepEqual(issuing.basicConstraints, { ca: true, pathLength: 0 });
    for (const { subject } of [signer, tsa, issuing]) assert.match(subject.toString('latin1'), /EVALUATION/);
  });

  test('are read alike by pkijs and by our own reader', () => {
    const authority = testAuthority();
    for (const der of [
      authority.root.certificate,
      authority.issuing.certificate,
      authority.tsaIdentity.certificate,
      authority.issue().certificate,
    ]) {
      const theirs = Certificate.fromBER(new Uint8Array(der));
      const ours = parseCertificate(der);
      assert.equal(theirs.notAfter.value.getTime(), ours.notAfter);
      assert.equal(theirs.notBefore.value.getTime(), ours.notBefore);
      assert.deepEqual(Buffer.from(theirs.serialNumber.valueBlock.valueHexView), ours.serialNumber);
      assert.deepEqual(Buffer.from(theirs.subject.toSchema().toBER()), ours.subject);
      assert.deepEqual(
        theirs.extensions?.map(({ extnID, critical }) => [extnID, critical]),
        [...ours.extensions].map(([id, { critical }]) => [id, critical]),
      );
    }
  });

  test('have serial numbers that are positive, unique and 16 octets long', () => {
    const authority = testAuthority();
    const serials = Array.from({ length: 50 }, () => authority.issue({ privateKey: authority.root.privateKey }).serialNumber);
    assert.equal(new Set(serials.map((serial) => serial.toString('hex'))).size, 50);
    for (const serial of serials) assert.ok(serial.length === 16 && serial.readUInt8(0) < 0x80 && serial.readUInt8(0) >= 0x40);
  });
});
