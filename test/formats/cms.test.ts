import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { looksLikeSignedData, parseSignedData, readSignedData } from '../../src/formats/cms.ts';
import { signingCertificates, signingTime } from '../../src/formats/cms-attributes.ts';
import { checkSigner, type SignedContent } from '../../src/formats/cms-verify.ts';
import { context, encode, integer, octetString, oid, sequence, setOf, Tag } from '../../src/formats/der.ts';
import { isDer, joinOctetString, toDer } from '../../src/formats/der-canonical.ts';
import { readElement } from '../../src/formats/der.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { oids } from '../../src/formats/oids.ts';
import { testAuthority } from '../support/authority.ts';
import { needs } from '../support/tools.ts';
import { signDocument } from './signing.ts';
import type { AnyDigest } from '../../src/model/algorithms.ts';

const authority = testAuthority({ name: 'CMS' });
const document = Buffer.alloc(300_000, 'content\n');
let directory: string;
const path = (name: string): string => join(directory, name);

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealtree-cms-'));
  writeFileSync(path('document'), document);
  for (const name of ['one', 'two']) {
    const identity = authority.issue({ keyType: 'rsa2048', keyName: name, subject: name });
    writeFileSync(path(`${name}.pem`), identity.pem);
    writeFileSync(path(`${name}.key`), identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
});
after(() => {
  rmSync(directory, { recursive: true });
});

function openssl(...args: string[]): Buffer {
  const result = spawnSync('openssl', [
    'cms',
    '-sign',
    '-binary',
    '-outform',
    'DER',
    '-in',
    path('document'),
    '-out',
    path('out'),
    ...args,
  ]);
  assert.equal(result.status, 0, result.stderr.toString());
  return readFileSync(path('out'));
}

function contentOf(bytes: Buffer): SignedContent {
  return { digest: (algorithm: AnyDigest) => createHash(algorithm).update(bytes).digest(), bytes: () => bytes };
}

test('a streamed (indefinite, segmented) CMS of OpenSSL: content located, both signers good', needs('openssl'), () => {
  const signer = (name: string) => ['-signer', path(`${name}.pem`), '-inkey', path(`${name}.key`)];
  const bytes = openssl('-stream', '-nodetach', ...signer('one'), ...signer('two'), '-cades');
  const source = bufferSource(bytes);
  assert.ok(looksLikeSignedData(source) && !isDer(bytes));
  const parsed = readSignedData(source);
  assert.ok(parsed.content && parsed.content.length > 1);
  assert.deepEqual(source.digest('sha256', parsed.content), createHash('sha256').update(document).digest());
  assert.equal(parsed.signers.length, 2);
  for (const signer of parsed.signers) {
    const check = checkSigner(signer, parsed.contentType, parsed.certificates, contentOf(document));
    assert.deepEqual(check.problems, []);
    assert.ok(check.intact && check.valid && check.certificateProtected);
    assert.equal(signingCertificates(signer.signedAttributes?.attributes ?? []).length, 1);
    assert.ok(Math.abs((signingTime(signer.signedAttributes?.attributes ?? []) ?? 0) - Date.now()) < 60_000);
  }
});

test(
  'other ways of OpenSSL: no attributes (intact and valid, yet not enough), key identifier, PSS, no certificates',
  needs('openssl'),
  () => {
    const signer = ['-signer', path('one.pem'), '-inkey', path('one.key')];
    const check = (bytes: Buffer, more: readonly Buffer[] = [], content = contentOf(document)) => {
      const parsed = parseSignedData(bytes);
      const [first] = parsed.signers;
      assert.ok(first);
      return checkSigner(first, parsed.contentType, [...parsed.certificates, ...more], content);
    };
    for (const options of [['-keyid'], ['-keyopt', 'rsa_padding_mode:pss'], ['-nosmimecap', '-md', 'sha512']]) {
      const { problems, intact, valid } = check(openssl(...signer, ...options));
      assert.deepEqual({ problems, intact, valid }, { problems: [], intact: true, valid: true }, options.join(' '));
    }
    const plain = check(openssl(...signer, '-noattr'));
    assert.deepEqual(
      [plain.intact, plain.valid, plain.problems.map(({ subIndication }) => subIndication)],
      [true, true, ['SIG_CONSTRAINTS_FAILURE']],
    );
    const bare = openssl(...signer, '-nocerts');
    assert.deepEqual(
      check(bare).problems.map(({ subIndication }) => subIndication),
      ['NO_SIGNING_CERTIFICATE_FOUND'],
    );
    const certificate = authority.issue({ keyType: 'rsa2048', keyName: 'one', subject: 'one' }).certificate;
    assert.equal(check(bare, [certificate]).problems.length, 1, 'the same key in another certificate is another signer');
  },
);

test('what is wrong has the word of EN 319 102-1', async () => {
  const identity = authority.issue({ keyType: 'p256' });
  const parsed = parseSignedData(await signDocument(identity, document));
  const [signer] = parsed.signers;
  assert.ok(signer?.signedAttributes);
  const words = (...args: Parameters<typeof checkSigner>) => checkSigner(...args).problems.map(({ subIndication }) => subIndication);
  assert.deepEqual(words(signer, oids.data, parsed.certificates, contentOf(Buffer.from('other'))), ['HASH_FAILURE']);
  const absent: SignedContent = { digest: () => undefined, bytes: () => undefined };
  assert.deepEqual(words(signer, oids.data, parsed.certificates, absent), ['SIGNED_DATA_NOT_FOUND']);
  assert.deepEqual(words(signer, oids.tstInfo, parsed.certificates, contentOf(document)), ['FORMAT_FAILURE']);
  const value = Buffer.from(signer.signatureValue);
  value[20] = (value[20] ?? 0) ^ 1;
  assert.deepEqual(words({ ...signer, signatureValue: value }, oids.data, parsed.certificates, contentOf(document)), [
    'SIG_CRYPTO_FAILURE',
  ]);
  const sameSerial = authority.issue({ keyType: 'p256', serialNumber: identity.serialNumber }).certificate;
  assert.deepEqual(words(signer, oids.data, [sameSerial], contentOf(document)), ['NO_SIGNING_CERTIFICATE_FOUND']);
  assert.deepEqual(words(signer, oids.data, [sameSerial, identity.certificate], contentOf(document)), []);
  const sha512 = sequence(oid(oids.sha512));
  assert.ok(
    words({ ...signer, digestAlgorithm: sha512 }, oids.data, parsed.certificates, contentOf(document)).includes('SIG_CONSTRAINTS_FAILURE'),
  );
});

test('hostile bytes end in a SealError, whatever they are', async () => {
  const good = await signDocument(authority.issue({ keyType: 'p256' }), Buffer.from('x'), {
    packaging: 'enveloping',
    timestampFrom: authority,
  });
  const attempt = (bytes: Buffer) => {
    try {
      const parsed = parseSignedData(bytes);
      for (const signer of parsed.signers) checkSigner(signer, parsed.contentType, parsed.certificates, contentOf(document));
    } catch (error) {
      assert.ok(error instanceof SealError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      attempt(bytes);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      attempt(Buffer.from(bytes));
    }),
  );
  for (let length = 0; length < good.length; length++)
    assert.throws(
      () => parseSignedData(good.subarray(0, length)),
      (error: unknown) => error instanceof SealError,
    );
});

test('bombs are refused: nesting without end, too many signers, bytes behind', async () => {
  const refused = (bytes: Buffer) => {
    assert.throws(
      () => parseSignedData(bytes),
      (error: unknown) => error instanceof SealError,
    );
  };
  const head = Buffer.from(
    '30800609 2a864886f70d010702 a080 3080 020101 3100 3080 0609 2a864886f70d010701 a080'.replaceAll(' ', ''),
    'hex',
  );
  refused(Buffer.concat([head, Buffer.alloc(2_000_000, Buffer.from('2480', 'hex'))]));
  refused(Buffer.concat([head, Buffer.from('0401', 'hex')]));
  refused(Buffer.alloc(1_000_000, Buffer.from('3080', 'hex')));
  const signed = (signers: Buffer) =>
    sequence(
      oid(oids.signedData),
      encode(context(0, true), sequence(integer(1), setOf(), sequence(oid(oids.data)), encode(Tag.set, signers))),
    );
  refused(signed(Buffer.alloc(600_000, Buffer.from('3000', 'hex'))));
  const good = await signDocument(authority.issue({ keyType: 'p256' }), document);
  refused(Buffer.concat([good, Buffer.of(0)]));
});

test('BER becomes DER: same value, one form', () => {
  const segments = Buffer.from('2480 04026162 2480 040163 0000 0000'.replaceAll(' ', ''), 'hex');
  assert.deepEqual(joinOctetString(readElement(segments, 0, true)), Buffer.from('abc'));
  assert.deepEqual(toDer(segments), octetString(Buffer.from('abc')));
  assert.deepEqual(toDer(Buffer.from('3180 020102 020101 0000'.replaceAll(' ', ''), 'hex')), setOf(integer(1), integer(2)));
  assert.deepEqual(toDer(Buffer.from('30810301017f', 'hex')), Buffer.from('30030101ff', 'hex'));
  assert.deepEqual(toDer(Buffer.from('2380 03020061 03020462 0000'.replaceAll(' ', ''), 'hex')), Buffer.from('0303046162', 'hex'));
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), (values) => {
      const der = setOf(...values.map((value) => octetString(value)));
      assert.ok(isDer(der));
      assert.deepEqual(toDer(der), der);
    }),
  );
});
