import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { StringObject } from '../../../src/formats/pdf/objects.ts';
import { Parser } from '../../../src/formats/pdf/parser.ts';
import { decodeDate, decodeText, encodeDate, encodeText, hexadecimal, textString } from '../../../src/formats/pdf/strings.ts';

function read(text: string): string {
  const value = new Parser(Buffer.from(text, 'latin1'), 0, 0, true).value();
  assert.ok(value instanceof StringObject);
  return value.value().toString('latin1');
}

const cases: readonly (readonly [string, string])[] = [
  ['(plain)', 'plain'],
  ['(a(b(c))d)', 'a(b(c))d'],
  [String.raw`(\(\)\\)`, String.raw`()\ `.trim()],
  [String.raw`(\n\r\t\b\f)`, '\n\r\t\b\f'],
  [String.raw`(\101\60\0009\7)`, 'A0\x009\x07'],
  [String.raw`(\777)`, '\xff'],
  ['(one\\\ntwo\\\r\nthree)', 'onetwothree'],
  ['(line\r\nline\rline)', 'line\nline\nline'],
  [String.raw`(\q)`, 'q'],
  ['<48 65\n6C6c6F>', 'Hello'],
  ['<4>', '@'],
  ['<>', ''],
];

test('literal and hexadecimal strings are read as ISO 32000 tells', () => {
  for (const [written, meant] of cases) assert.equal(read(written), meant, written);
});

test('a text of a caller comes back as it was, whatever characters it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(decodeText(encodeText(text)), text);
      const value = new Parser(Buffer.from(textString(text), 'latin1'), 0, 0, true).value();
      assert.ok(value instanceof StringObject);
      assert.equal(decodeText(value.value()), text);
    }),
  );
});

test('bytes written in hexadecimal come back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(read(hexadecimal(bytes)), Buffer.from(bytes).toString('latin1'));
    }),
  );
});

test('PDFDocEncoding and UTF-8 are understood', () => {
  assert.equal(decodeText(Buffer.from('a\x80\xa0\xe4', 'latin1')), 'a•€ä');
  assert.equal(decodeText(Buffer.from('\ufeffGrüße')), 'Grüße');
});

test('dates are written in UTC and read in any zone', () => {
  const time = Date.UTC(2026, 10, 22, 6, 5, 4);
  assert.equal(encodeDate(time), 'D:20261122060504Z');
  assert.equal(decodeDate('D:20261122060504Z'), time);
  assert.equal(decodeDate("D:20261122070504+01'00'"), time);
  assert.equal(decodeDate("D:20261122010504-05'00"), time);
  assert.equal(decodeDate('D:2026'), Date.UTC(2026, 0));
  assert.equal(decodeDate('yesterday'), undefined);
});
