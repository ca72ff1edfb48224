import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { fromBER, Constructed, Integer, ObjectIdentifier, Primitive, type BaseBlock } from 'asn1js';
import { documentHash } from '../support/archive.ts';
import { closeTree, recordsOf, renewingArchive, settle } from '../support/renewing.ts';
import { isDer } from '../../src/formats/der-canonical.ts';

/*
 * Points 14 to 20 of the rules for evidence records that strict readers of the profile Basis-ERS (BSI TR-03125, annex ERS) look at, on the bytes, read
 * with asn1js: no parser of ours takes part.
 */

const oid = {
  signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  signedData: '1.2.840.113549.1.7.2',
  tstInfo: '1.2.840.113549.1.9.16.1.4',
  ocspBasic: '1.3.6.1.5.5.7.48.1.1',
};
const allowedDigests = ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3'];

interface Token {
  readonly raw: Buffer;
  /** SignedData: version, digestAlgorithms, encapContentInfo, [0] certificates, [1] crls, signerInfos. */
  readonly fields: readonly BaseBlock[];
  /** Fields of the only SignerInfo. */
  readonly signer: readonly BaseBlock[];
  /** OID of a signed attribute → its values. */
  readonly attributes: ReadonlyMap<string, readonly BaseBlock[]>;
  /** genTime of the TSTInfo, UTC ms. */
  readonly genTime: number;
}

interface Read {
  readonly fields: readonly BaseBlock[];
  readonly stamps: readonly { readonly fields: readonly BaseBlock[]; readonly token: Token }[];
}

/** A record of three timestamps, the last two renewing. */
async function renewedRecord(t: TestContext): Promise<Buffer> {
  const archive = await renewingArchive(t);
  await closeTree(archive, ['a', 'b', 'c']);
  for (let round = 0; round < 2; round++) {
    await archive.renewing.renewTimestamps('test');
    await settle(archive);
  }
  const [record] = await recordsOf(archive, documentHash('a'));
  assert.ok(record?.final);
  return record.der;
}

void test('points 14 to 20 of Basis-ERS, on the bytes of a renewed record', async (t) => {
  const der = await renewedRecord(t);
  const { fields, stamps } = read(der);

  await t.test('14: everything is DER, tokens too, so re-encoding them changes no hash', () => {
    assert.ok(isDer(der));
    for (const { token } of stamps) assert.deepEqual(Buffer.from(fromBER(token.raw).result.toBER()), token.raw);
    for (const { token } of stamps) {
      const set = [...token.attributes.values()];
      assert.ok(set.length > 0);
      const encoded = parts(demand(token.signer[3])).map((attribute) => raw(attribute));
      assert.deepEqual(
        encoded,
        [...encoded].sort((a, b) => Buffer.compare(a, b)),
        'signed attributes are in the order of DER',
      );
    }
  });

  await t.test('15: the revocation data in each token is later than its time', () => {
    for (const { token } of stamps)
      for (const crl of parts(demand(tagged(token.fields, 1)))) {
        const [tbs] = parts(crl);
        const thisUpdate = demand(parts(demand(tbs))[3]);
        assert.ok(timeOf(thisUpdate) > token.genTime);
      }
  });

  await t.test('16: genTime increases along the record', () => {
    const times = stamps.map(({ token }) => token.genTime);
    assert.ok(
      times.every((time, n) => n === 0 || time > (times[n - 1] ?? 0)),
      times.join(),
    );
  });

  await t.test('17: version 1, no cryptoInfos, no encryptionInfo, no attributes; a chain with a timestamp', () => {
    const [version] = fields;
    assert.ok(version instanceof Integer && version.valueBlock.valueDec === 1);
    assert.equal(fields.length, 3);
    assert.equal(stamps.length, 3);
    for (const stamp of stamps) assert.equal(tagged(stamp.fields, 1), undefined);
  });

  await t.test('18: one SignerInfo, signing-certificate-v2 and no v1, certificates and crls filled, CMS version 3 (5 with OCSP)', () => {
    for (const { token } of stamps) {
      assert.equal(parts(demand(token.fields.at(-1))).length, 1);
      assert.ok(token.attributes.has(oid.signingCertificateV2) && !token.attributes.has(oid.signingCertificate));
      assert.ok(parts(demand(tagged(token.fields, 0))).length > 0);
      const crls = parts(demand(tagged(token.fields, 1)));
      assert.ok(crls.length > 0);
      const [version] = token.fields;
      assert.ok(version instanceof Integer);
      assert.equal(version.valueBlock.valueDec, crls.some((one) => one.idBlock.tagClass === 3) ? 5 : 3);
    }
  });

  await t.test(
    '19: revocation data are CRLs or OCSP answers of the basic kind; no unsigned attributes; the signer by issuer and serial number',
    () => {
      for (const { token } of stamps) {
        for (const one of parts(demand(tagged(token.fields, 1)))) {
          if (one.idBlock.tagClass !== 3) continue;
          assert.equal(text(demand(parts(one)[0])), oid.ocspBasic);
        }
        const [version, sid] = token.signer;
        assert.ok(version instanceof Integer && version.valueBlock.valueDec === 1);
        assert.deepEqual([sid?.idBlock.tagClass, sid?.idBlock.tagNumber], [1, 16], 'issuerAndSerialNumber is a SEQUENCE');
        assert.equal(tagged(token.signer, 1), undefined);
      }
    },
  );

  await t.test('20: SHA-256, SHA-384 or SHA-512 everywhere, the digest written in each timestamp', () => {
    const listed = parts(demand(fields[1])).map((algorithm) => text(demand(parts(algorithm)[0])));
    assert.ok(listed.length > 0 && listed.every((digest) => allowedDigests.includes(digest)));
    for (const stamp of stamps) {
      const own = text(demand(parts(demand(tagged(stamp.fields, 0)))[0]));
      assert.ok(listed.includes(own));
      assert.ok(allowedDigests.includes(text(demand(parts(demand(stamp.token.signer[2]))[0]))));
    }
  });
});

function read(der: Buffer): Read {
  const fields = parts(fromBER(der).result);
  const chains = parts(demand(fields.at(-1)));
  assert.ok(chains.length > 0);
  const stamps = chains.flatMap(parts).map((stamp) => ({ fields: parts(stamp), token: readToken(demand(parts(stamp).at(-1))) }));
  return { fields, stamps };
}

function readToken(block: BaseBlock): Token {
  const [type, content] = parts(block);
  assert.equal(text(demand(type)), oid.signedData);
  const fields = parts(demand(parts(demand(content))[0]));
  const [contentType, encapsulated] = parts(demand(fields[2]));
  assert.equal(text(demand(contentType)), oid.tstInfo);
  const info = raw(demand(parts(demand(encapsulated))[0]));
  const inner = fromBER(info).result as unknown as { readonly valueBlock: { readonly valueHexView: Uint8Array } };
  const genTime = demand(parts(fromBER(inner.valueBlock.valueHexView).result)[4]);
  const signer = parts(demand(parts(demand(fields.at(-1)))[0]));
  const attributes = new Map(
    parts(demand(tagged(signer, 0))).map((attribute) => {
      const [name, values] = parts(attribute);
      return [text(demand(name)), parts(demand(values))];
    }),
  );
  return { raw: raw(block), fields, signer, attributes, genTime: timeOf(genTime) };
}

/** Context-specific [number]. */
function tagged(fields: readonly BaseBlock[], number: number): BaseBlock | undefined {
  return fields.find(
    (field) =>
      (field instanceof Constructed || field instanceof Primitive) && field.idBlock.tagClass === 3 && field.idBlock.tagNumber === number,
  );
}

function parts(block: BaseBlock): BaseBlock[] {
  const { value } = block.valueBlock as unknown as { readonly value?: BaseBlock[] };
  return Array.isArray(value) ? value : [];
}

function raw(block: BaseBlock): Buffer {
  return Buffer.from(block.valueBeforeDecodeView);
}

function text(block: BaseBlock): string {
  assert.ok(block instanceof ObjectIdentifier);
  return block.valueBlock.toString();
}

/** UTCTime or GeneralizedTime with whole seconds. */
function timeOf(block: BaseBlock): number {
  const digits = raw(block).toString('latin1', 2).replace('Z', '');
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?$/.exec(digits.length === 12 ? `20${digits}` : digits) ?? [];
  assert.ok(year !== '', digits);
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}

function demand<T>(value: T | undefined): T {
  assert.ok(value !== undefined, 'a field is missing');
  return value;
}
