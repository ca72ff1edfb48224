import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import type * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { cades } from '../../src/formats/cades.ts';
import { parseSignedData } from '../../src/formats/cms.ts';
import { maxCmsSize } from '../../src/formats/cms-build.ts';
import { isDer } from '../../src/formats/der-canonical.ts';
import { SealError } from '../../src/errors.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { testAuthority } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { signDocument, signValue } from './signing.ts';
import type { KeyKind } from '../../src/authority/signing.ts';
import type { DigestAlgorithm, RsaPadding } from '../../src/model/algorithms.ts';

const authority = testAuthority({ name: 'CAdES' });
const document = Buffer.from('Rechnung 4711: 12,50 EUR\r\n\0\xff', 'latin1');
let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealtree-cades-'));
  authority.write(directory);
  writeFileSync(join(directory, 'document'), document);
});
after(() => {
  rmSync(directory, { recursive: true });
});

const keys: readonly (readonly [KeyKind, RsaPadding])[] = [
  ['rsa2048', 'pkcs1'],
  ['rsa2048', 'pss'],
  ['rsa3072', 'pkcs1'],
  ['rsa3072', 'pss'],
  ['p256', 'pkcs1'],
  ['p384', 'pkcs1'],
  ['brainpoolP256r1', 'pkcs1'],
  ['brainpoolP384r1', 'pkcs1'],
];
const digests: readonly DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];

/** Whether OpenSSL takes the signature, with the content it then gives. */
function opensslVerify(file: string, detached: boolean): { accepted: boolean; content: Buffer } {
  const content = detached ? ['-content', join(directory, 'document')] : [];
  const trust = ['-CAfile', join(directory, 'trust.pem'), '-purpose', 'any'];
  const result = spawnSync('openssl', ['cms', '-verify', '-binary', '-inform', 'DER', '-in', file, ...content, ...trust]);
  return { accepted: result.status === 0, content: result.stdout };
}

for (const [kind, padding] of keys)
  test(`OpenSSL accepts what a key ${kind} signs with ${padding}, each digest, attached and detached`, needs('openssl'), async () => {
    const identity = authority.issue({ keyType: kind });
    for (const digest of digests)
      for (const packaging of ['detached', 'enveloping'] as const) {
        const signed = await signDocument(identity, document, { digest, padding, packaging });
        const file = join(directory, `${kind}-${padding}-${digest}-${packaging}`);
        writeFileSync(file, signed);
        const { accepted, content } = opensslVerify(file, packaging === 'detached');
        assert.ok(accepted, `${digest} ${packaging}`);
        assert.deepEqual(content, document);
      }
  });

test('pkijs reads the same certificates, attributes and content out of what we write', async () => {
  const identity = authority.issue({ keyType: 'p256' });
  const signed = await signDocument(identity, document, { packaging: 'enveloping', timestampFrom: authority });
  const info = pkijs.ContentInfo.fromBER(Uint8Array.from(signed).buffer);
  const theirs = new pkijs.SignedData({ schema: info.content as asn1js.Sequence });
  const ours = parseSignedData(signed);
  assert.equal(theirs.version, 1);
  assert.equal(theirs.certificates?.length, 2);
  assert.equal(ours.certificates.length, 2);
  assert.deepEqual(Buffer.from(theirs.encapContentInfo.eContent?.getValue() ?? new ArrayBuffer(0)), document);
  const [signer] = theirs.signerInfos;
  const [own] = ours.signers;
  assert.ok(signer && own);
  const types = (attributes: readonly pkijs.Attribute[] | undefined) => attributes?.map(({ type }) => type);
  assert.deepEqual(
    own.signedAttributes?.attributes.map(({ type }) => type),
    types(signer.signedAttrs?.attributes),
  );
  assert.deepEqual(
    own.unsignedAttributes.map(({ type }) => type),
    types(signer.unsignedAttrs?.attributes),
  );
  const engine = pkijs.getEngine().crypto;
  assert.ok(engine);
  const verdict = await theirs.verify({ signer: 0, checkChain: false }, engine);
  assert.equal(verdict, true);
});

test('the whole signature is DER and the signed attributes stand in DER order', async () => {
  const identity = authority.issue({ keyType: 'p256' });
  for (const packaging of ['detached', 'enveloping'] as const) {
    const signed = await signDocument(identity, document, { packaging, timestampFrom: authority });
    assert.ok(isDer(signed));
    assert.equal(parseSignedData(signed).signers[0]?.signedAttributes?.isDer, true);
  }
});

test('the predicted size is never less than the real one and at most a few octets more', async () => {
  for (const [kind, padding] of keys) {
    const identity = authority.issue({ keyType: kind });
    const signingTime = authority.now();
    const predicted = maxCmsSize(
      { chain: identity.chain, digest: 'sha384', padding },
      { signingTime, algorithmProtection: true, timestampSize: 0 },
    );
    for (let round = 0; round < 5; round++) {
      const { length } = await signDocument(identity, document, { digest: 'sha384', padding, signingTime });
      assert.ok(length <= predicted && length > predicted - 16, `${kind}: ${length} of ${predicted}`);
    }
  }
});

test('a document of more than 4 GiB is enclosed without being read into memory', () => {
  const size = 5 * 2 ** 30;
  const huge = { size, read: () => Buffer.alloc(0), digest: () => createHash('sha256').digest() };
  const identity = authority.issue({ keyType: 'p256' });
  const common = { chain: identity.chain, digest: 'sha256', padding: 'pkcs1', level: 'B-B', signingTime: 0 } as const;
  const prepared = cades.prepare(huge, { ...common, packaging: 'enveloping' });
  const parts = cades.finish(prepared, signValue(identity.privateKey, prepared.toBeSigned, 'sha256', 'pkcs1'));
  assert.equal(parts.length, 3);
  assert.deepEqual(parts[1], { offset: 0, length: size });
  const [head] = parts;
  assert.ok(head instanceof Uint8Array);
  // SEQUENCE with a length of five octets.
  assert.equal(head[1], 0x85);
});

test('what the profile cannot mean is refused before a key is used', () => {
  const identity = authority.issue({ keyType: 'p256' });
  const common = { chain: identity.chain, digest: 'sha256', padding: 'pkcs1', signingTime: 0 } as const;
  const refused = (error: unknown) => error instanceof SealError && error.code === 'SEAL-DOC-FORMAT' && error.hint !== undefined;
  assert.throws(() => cades.prepare(bufferSource(document), { ...common, level: 'B-B', packaging: 'embedded' }), refused);
  assert.throws(() => cades.prepare(bufferSource(document), { ...common, level: 'B-LTA', packaging: 'detached' }), refused);
});

test('names: .p7s beside the document, .p7m around it, bytes kept', () => {
  const name = Buffer.from([0x61, 0xff, 0x0a]);
  assert.deepEqual(cades.outputName(name, 'detached'), Buffer.concat([name, Buffer.from('.p7s')]));
  assert.deepEqual(cades.outputName(name, 'enveloping'), Buffer.concat([name, Buffer.from('.p7m')]));
});

test('OpenSSL refuses each flipped bit in content, attributes, value and certificate', needs('openssl'), async () => {
  const identity = authority.issue({ keyType: 'p256' });
  const signed = await signDocument(identity, document, { packaging: 'enveloping' });
  const parsed = parseSignedData(signed);
  const [signer] = parsed.signers;
  assert.ok(signer?.signedAttributes);
  const digest = createHash('sha256').update(document).digest();
  const places = {
    content: signed.indexOf(document),
    messageDigest: signed.indexOf(digest),
    value: signed.indexOf(signer.signatureValue) + 8,
    certificate: signed.indexOf(identity.certificate) + 60,
  };
  for (const [what, at] of Object.entries(places)) {
    assert.ok(at > 0, what);
    const flipped = Buffer.from(signed);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    const file = join(directory, `flipped-${what}`);
    writeFileSync(file, flipped);
    assert.equal(opensslVerify(file, false).accepted, false, what);
  }
});

test('openssl prints our signature as CMS without complaint', needs('openssl'), async () => {
  const signed = await signDocument(authority.issue({ keyType: 'p256' }), document, { timestampFrom: authority });
  const file = join(directory, 'print.p7s');
  writeFileSync(file, signed);
  const text = execFileSync('openssl', ['cms', '-cmsout', '-print', '-noout', '-inform', 'DER', '-in', file], { encoding: 'utf8' });
  for (const name of ['contentType', 'messageDigest', 'signingTime', 'signingCertificateV2', 'id-smime-aa-timeStampToken'])
    assert.ok(text.includes(name), name);
});
