import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { encode, oid, sequence, Tag } from '../../src/formats/der.ts';
import { oids } from '../../src/formats/oids.ts';
import { isQualifiedPersonal, parseQcStatements } from '../../src/formats/qc-statements.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { testAuthority } from '../support/authority.ts';

const authority = testAuthority();
const compliance = sequence(oid(oids.qcCompliance));
const type = (...types: string[]): Buffer => sequence(oid(oids.qcType), sequence(...types.map(oid)));
// QcEuLimitValue and QcEuPDS have values of their own.
const other = sequence(oid('0.4.0.1862.1.5'), sequence(sequence(encode(0x16, Buffer.from('https://x')))));

function personal(statements: readonly Buffer[] | undefined, subject?: Buffer): boolean {
  const extensions = statements === undefined ? [] : [{ oid: oids.qcStatements, critical: false, value: sequence(...statements) }];
  const identity = authority.issue({ extensions, ...(subject === undefined ? {} : { subject }) });
  return isQualifiedPersonal(parseCertificate(identity.certificate));
}

function name(...attributes: (readonly [string, string])[]): Buffer {
  return sequence(...attributes.map(([id, text]) => encode(Tag.set, sequence(oid(id), encode(Tag.utf8String, Buffer.from(text))))));
}

test('personal: qualified and meant for signatures; not: seals, web sites, what is not qualified at all', () => {
  assert.equal(personal([compliance, other, type(oids.qcTypeEsign)]), true);
  assert.equal(personal([type(oids.qcTypeEsign), compliance]), true);
  assert.equal(personal([compliance, type(oids.qcTypeEseal)]), false);
  assert.equal(personal([type(oids.qcTypeEsign)]), false, 'no QcCompliance');
  assert.equal(personal([other]), false);
  assert.equal(personal(undefined), false);
});

test('without QcType the name of the subject tells', () => {
  assert.equal(personal([compliance], name([oids.commonName, 'Karl Muster'], [oids.surname, 'Muster'], [oids.givenName, 'Karl'])), true);
  assert.equal(personal([compliance], name([oids.commonName, 'KM:PN'], [oids.pseudonym, 'KM'])), true);
  assert.equal(personal([compliance], name([oids.commonName, 'Muster AG'], [oids.organizationIdentifier, 'VATDE-1'])), false);
});

test('malformed statements are an error with a code, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        parseQcStatements(Buffer.from(bytes));
      } catch (thrown) {
        assert.ok(thrown instanceof SealError && thrown.code === 'SEAL-INPUT-INVALID');
      }
    }),
  );
});
