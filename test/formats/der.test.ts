import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import * as der from '../../src/formats/der.ts';
import { needs } from '../support/tools.ts';

const bytes = (maxLength = 300) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const tag = fc.constantFrom(0x02, 0x03, 0x04, 0x0c, 0x13, 0x30, 0x31, 0x80, 0x81, 0xa0, 0xa3);

/** Whatever a reader says to hostile bytes must be its typed error. */
function survives(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof SealError, String(error));
    assert.match(error.code, /^SEAL-(INPUT-INVALID|DOC-LIMIT)$/);
  }
}

test('what is written is read back: tag, content, raw bytes, for every form of length', () => {
  fc.assert(
    fc.property(
      tag,
      fc.oneof(
        bytes(),
        fc.integer({ min: 120, max: 70_000 }).map((length) => Buffer.alloc(length, 7)),
      ),
      (number, content) => {
        const written = der.encode(number, content);
        const read = der.parse(written);
        assert.equal(read.tag, number);
        assert.ok(read.content.equals(content));
        assert.ok(read.raw.equals(written));
        assert.ok(Buffer.concat([der.encodeHeader(number, content.length), content]).equals(written));
      },
    ),
  );
});

test('elements in a sequence come back in their order, and one byte more or less is refused', () => {
  fc.assert(
    fc.property(fc.array(bytes(40), { maxLength: 20 }), (list) => {
      const written = der.sequence(...list.map((item) => der.octetString(item)));
      assert.deepEqual(
        der.children(der.parse(written)).map(({ content }) => [...content]),
        list.map((item) => [...item]),
      );
      assert.throws(() => der.parse(Buffer.concat([written, Buffer.from([0])])), { code: 'SEAL-INPUT-INVALID' });
      assert.throws(() => der.parse(written.subarray(0, -1)), { code: 'SEAL-INPUT-INVALID' });
    }),
  );
});

test('integers of any size and sign survive, in the shortest form', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 260n), max: 2n ** 260n }), (value) => {
      const written = der.integer(value);
      assert.equal(der.readInteger(der.parse(written)), value);
      const { content } = der.parse(written);
      assert.ok(
        content.length === 1 || !((content[0] === 0 && (content[1] ?? 0) < 0x80) || (content[0] === 0xff && (content[1] ?? 0) >= 0x80)),
      );
    }),
  );
  fc.assert(
    fc.property(bytes(40), (value) => {
      const read = der.readInteger(der.parse(der.unsigned(value)));
      assert.equal(read, BigInt(`0x0${value.toString('hex')}`));
    }),
  );
});

test('object identifiers survive, also with arcs beyond 64 bits', () => {
  // Up to 64 octets are read: longer ones occur nowhere, and each costs time.
  const arc = fc.oneof(fc.bigInt({ min: 0n, max: 200n }), fc.bigInt({ min: 0n, max: 2n ** 90n }));
  const dotted = fc
    .tuple(fc.constantFrom(0n, 1n, 2n), arc, fc.array(arc, { maxLength: 3 }))
    .map(([first, second, rest]) => [first, first < 2n ? second % 40n : second, ...rest].join('.'));
  fc.assert(
    fc.property(dotted, (value) => {
      assert.equal(der.readOid(der.parse(der.oid(value))), value);
    }),
  );
  assert.throws(() => der.decodeOid(Buffer.from([0x2a, 0x80, 0x01])), { code: 'SEAL-INPUT-INVALID' });
});

test('times survive to the second between the years 0 and 9999, and no calendar error passes', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), (date) => {
      const seconds = Math.floor(date.getTime() / 1000) * 1000;
      assert.equal(der.readTime(der.parse(der.time(seconds))), seconds);
      assert.equal(der.readTime(der.parse(der.generalizedTime(seconds))), seconds);
    }),
  );
  const time = (text: string) => der.readTime(der.parse(der.encode(der.Tag.generalizedTime, Buffer.from(text))));
  for (const wrong of ['20261301000000Z', '20260001000000Z', '20260230000000Z', '20260101240000Z', '20260101006000Z', '20260101123060Z'])
    assert.throws(() => time(wrong), { code: 'SEAL-INPUT-INVALID' }, wrong);
  assert.throws(() => time('20260101000000+0100'), { code: 'SEAL-INPUT-INVALID' });
  assert.equal(time('20161231235960Z'), Date.UTC(2017, 0, 1), 'a leap second');
  assert.equal(time('00500101000000Z'), new Date('0050-01-01T00:00:00Z').getTime(), 'no century is added');
  assert.equal(time('20260101000000.25Z'), Date.UTC(2026, 0, 1) + 250);
});

test('a SET OF is sorted, so that equal sets are equal bytes', () => {
  fc.assert(
    fc.property(fc.array(bytes(20), { maxLength: 8 }), (list) => {
      const items = list.map((item) => der.octetString(item));
      assert.ok(der.setOf(...items).equals(der.setOf(...items.toReversed())));
    }),
  );
});

test('DER is strict where BER is not: lengths in the shortest form, none indefinite', () => {
  for (const hostile of ['308101ff', '30820001ff', '3080', '30800000', '1f8101', '3085ffffffffff', '30'])
    assert.throws(() => der.parse(Buffer.from(hostile, 'hex')), { code: 'SEAL-INPUT-INVALID' }, hostile);
  assert.equal(der.parse(Buffer.from('3080040101040102' + '0000', 'hex'), 0x30, true).content.length, 6);
});

test('nesting without end is an error, not a stack overflow', () => {
  const deep = Buffer.concat([...Array<Buffer>(5000).fill(Buffer.from('3080', 'hex')), Buffer.alloc(10_000)]);
  assert.throws(() => der.readElement(deep, 0, true), { code: 'SEAL-INPUT-INVALID' });
});

test('random and mutated bytes never crash a reader', () => {
  const readers: ((bytes: Buffer) => unknown)[] = [
    (input) => der.children(der.parse(input)),
    (input) => der.children(der.parse(input, undefined, true), true),
    (input) => der.readInteger(der.readElement(input)),
    (input) => der.readSmall(der.readElement(input)),
    (input) => der.readOid(der.readElement(input)),
    (input) => der.readTime(der.readElement(input)),
    (input) => der.readBitString(der.readElement(input)),
    (input) => der.readBoolean(der.readElement(input)),
    (input) => new der.Fields(der.readElement(input), 'something').next(0x02).raw,
  ];
  const sample = der.sequence(
    der.integer(-70_000n),
    der.oid('1.2.840.113549.1.7.2'),
    der.time(0),
    der.bitString(Buffer.from('abc')),
    der.sequence(der.boolean(true), der.nullValue),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        bytes(60),
        fc.tuple(fc.nat(sample.length - 1), fc.nat(255)).map(([at, octet]) => {
          const mutated = Buffer.from(sample);
          mutated[at] = octet;
          return mutated;
        }),
      ),
      (input) => {
        for (const read of readers)
          survives(() => {
            read(input);
          });
      },
    ),
    { numRuns: 2000 },
  );
});

test('openssl reads what is written here', needs('openssl'), () => {
  const written = der.sequence(
    der.integer(-129n),
    der.oid('2.999.3'),
    der.time(Date.UTC(2049, 11, 31, 23, 59, 59)),
    der.time(Date.UTC(2050, 0, 1)),
    der.time(Date.UTC(1949, 11, 31)),
    der.boolean(true),
    der.encode(der.Tag.utf8String, Buffer.from('Größe')),
  );
  const text = execFileSync('openssl', ['asn1parse', '-inform', 'DER'], { input: written }).toString();
  for (const part of [':-81', ':2.999.3', ':491231235959Z', ':20500101000000Z', ':19491231000000Z', 'BOOLEAN           :255', ':Größe'])
    assert.ok(text.includes(part), `${part} in\n${text}`);
});
