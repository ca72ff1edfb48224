import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SealError } from '../../../src/errors.ts';
import { ArrayObject, Dictionary, Name, Reference, StringObject, type Value } from '../../../src/formats/pdf/objects.ts';
import { Parser, Truncated } from '../../../src/formats/pdf/parser.ts';

function read(text: string, final = true): Value {
  return new Parser(Buffer.from(text, 'latin1'), 0, 0, final).value();
}

/** Values without their places. */
function plain(value: Value): unknown {
  if (value instanceof Name) return `/${value.value}`;
  if (value instanceof Reference) return `${value.number} ${value.generation} R`;
  if (value instanceof StringObject) return value.value().toString('latin1');
  if (value instanceof ArrayObject) return value.items.map(plain);
  if (value instanceof Dictionary) return Object.fromEntries([...value.entries].map(([key, entry]) => [key, plain(entry.value)]));
  return value;
}

test('each kind of object is read', () => {
  const text = '<< /A 1 /B -2.5 /C .5 /D +7 /E [1 2 3 4 0 R 5.] /F(s)/G<41>/H/I#20J /K true/L false/M null % note\n/N<</O<<>>>> >>';
  assert.deepEqual(plain(read('[1 0]')), [1, 0]);
  assert.deepEqual(plain(read(text)), {
    A: 1,
    B: -2.5,
    C: 0.5,
    D: 7,
    E: [1, 2, 3, '4 0 R', 5],
    F: 's',
    G: 'A',
    H: '/I J',
    K: true,
    L: false,
    M: null,
    N: { O: {} },
  });
});

test('what readers guess at differently is refused', () => {
  const bad = ['<< /A 1 /A 2 >>', '<< /A >>', '<< A 1 >>', '[1 2', '(open', '<41', '1..2', '--1', '/A#4', 'nul', 'trueX', '>>', ''];
  for (const text of bad) assert.throws(() => plain(read(text)), { code: 'SEAL-DOC-DAMAGED' }, text);
});

test('nesting has a limit', () => {
  assert.throws(() => read('['.repeat(100_000)), { code: 'SEAL-DOC-DAMAGED' });
  assert.throws(() => read('<</A'.repeat(100_000)), { code: 'SEAL-DOC-DAMAGED' });
});

test('an entry knows where its value stands', () => {
  const dictionary = read('<< /A (x) /B [1 2] >>');
  assert.ok(dictionary instanceof Dictionary);
  const { bytes, entries } = dictionary;
  assert.deepEqual(
    [...entries.values()].map(({ start, end }) => bytes.toString('latin1', start, end)),
    ['(x)', '[1 2]'],
  );
});

test('every beginning of an object asks for more bytes, or is an object of its own', () => {
  const text = '<< /Aa 12 /B (x\\(y) /C <4142> /D [true null 12 0 R 1.5] >>';
  for (let length = 0; length < text.length; length++)
    assert.throws(() => read(text.slice(0, length), false), Truncated, text.slice(0, length));
});

test('random bytes end in a value or an error of the parser', () => {
  const pieces = fc.constantFrom(
    '<<',
    '>>',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
    '/A',
    '/',
    '#',
    '%',
    '\n',
    '1',
    ' 0',
    ' R',
    '-',
    '.',
    '\\',
    'true',
    'null',
    '\0',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' }))), fc.boolean(), (parts, final) => {
      try {
        plain(read(parts.join(''), final));
      } catch (error) {
        assert.ok(error instanceof Truncated || (error instanceof SealError && error.code === 'SEAL-DOC-DAMAGED'), String(error));
        if (final) assert.ok(!(error instanceof Truncated));
      }
    }),
    { numRuns: 2000 },
  );
});
