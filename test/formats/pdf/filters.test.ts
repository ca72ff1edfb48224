import { test } from 'node:test';
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { decode } from '../../../src/formats/pdf/filters.ts';
import { Dictionary } from '../../../src/formats/pdf/objects.ts';
import { Parser } from '../../../src/formats/pdf/parser.ts';

function dictionary(text: string): Dictionary {
  const value = new Parser(Buffer.from(text, 'latin1'), 0, 0, true).value();
  assert.ok(value instanceof Dictionary);
  return value;
}

/** PNG filters the other way round (ISO/IEC 15948 §9): each row with the filter given. */
function predicted(rows: readonly Buffer[], filters: readonly number[], step: number): Buffer {
  const out = rows.map((row, y) => {
    const filter = filters[y] ?? 0;
    const above = rows[y - 1];
    const bytes = [...row].map((octet, x) => {
      const left = row[x - step] ?? 0;
      const up = above?.[x] ?? 0;
      const corner = above?.[x - step] ?? 0;
      const guess = left + up - corner;
      const paeth = [left, up, corner].reduce((best, one) => (Math.abs(guess - one) < Math.abs(guess - best) ? one : best), left);
      return (octet - ([0, left, up, (left + up) >> 1, paeth][filter] ?? 0)) & 0xff;
    });
    return Buffer.from([filter, ...bytes]);
  });
  return Buffer.concat(out);
}

test('every PNG predictor is undone', () => {
  const table = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 6 })).chain(([width, rows]) =>
    fc.record({
      width: fc.constant(width),
      rows: fc.array(fc.uint8Array({ minLength: width, maxLength: width }), { minLength: rows, maxLength: rows }),
      filters: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: rows, maxLength: rows }),
      colors: fc.constantFrom(1, 1, 3).filter((colors) => width % colors === 0),
    }),
  );
  fc.assert(
    fc.property(table, ({ width, rows, filters, colors }) => {
      const plain = rows.map((row) => Buffer.from(row));
      const parms = `<< /Predictor 15 /Columns ${width / colors} /Colors ${colors} >>`;
      const data = deflateSync(predicted(plain, filters, colors));
      assert.deepEqual(decode(dictionary(`<< /Filter /FlateDecode /DecodeParms ${parms} >>`), data), Buffer.concat(plain));
    }),
  );
});

test('data without a filter and with a list of filters', () => {
  const data = Buffer.from('data');
  assert.deepEqual(decode(dictionary('<< >>'), data), data);
  assert.deepEqual(decode(dictionary('<< /Filter [/FlateDecode] /DecodeParms [null] >>'), deflateSync(data)), data);
});

test('what unpacks to more than its limit, is damaged or of another kind is refused', () => {
  const flate = dictionary('<< /Filter /FlateDecode >>');
  assert.throws(() => decode(flate, deflateSync(Buffer.alloc(5000)), 4999), { code: 'SEAL-DOC-LIMIT' });
  assert.equal(decode(flate, deflateSync(Buffer.alloc(5000)), 5000).length, 5000);
  assert.throws(() => decode(flate, Buffer.from('no zlib')), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => decode(flate, deflateSync(Buffer.alloc(99)).subarray(0, 9)), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => decode(dictionary('<< /Filter /JBIG2Decode >>'), Buffer.alloc(1)), { code: 'SEAL-DOC-FORMAT' });
  assert.throws(() => decode(dictionary('<< /Filter [/FlateDecode /FlateDecode /FlateDecode] >>'), Buffer.alloc(1)), {
    code: 'SEAL-DOC-FORMAT',
  });
  const parms = (text: string): Dictionary => dictionary(`<< /Filter /FlateDecode /DecodeParms << ${text} >> >>`);
  assert.throws(() => decode(parms('/Predictor 12 /Columns 3'), deflateSync(Buffer.alloc(7))), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => decode(parms('/Predictor 12 /Columns 1'), deflateSync(Buffer.from([9, 9]))), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => decode(parms('/Predictor 12 /Columns 999999999'), deflateSync(Buffer.alloc(7))), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => decode(parms('/Predictor 2'), deflateSync(Buffer.alloc(7))), { code: 'SEAL-DOC-FORMAT' });
});
