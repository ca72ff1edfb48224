import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { sha256 } from '../../src/formats/digests.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import { readZip, zipLimits } from '../../src/formats/zip.ts';
import { runProgram } from '../support/judges/program.ts';
import { needs, venv } from '../support/tools.ts';
import { makeZip, type ZipPart } from '../support/zips.ts';

const text = (name: string, more: Partial<ZipPart> = {}): ZipPart => ({ name, bytes: Buffer.from(`text of ${name}`.repeat(20)), ...more });

function contents(zip: Buffer): Record<string, string> {
  return Object.fromEntries(readZip(bufferSource(zip)).map((member) => [member.name, member.open().read(0, member.size).toString()]));
}

void test('stored and packed files are read, directories passed over, ranges and digests are those of the file alone', () => {
  const parts = [
    text('mimetype'),
    text('a/b.txt', { packed: true }),
    text('ü.txt'),
    { name: 'empty/', bytes: Buffer.alloc(0) },
    { name: 'nothing', bytes: Buffer.alloc(0) },
  ];
  const zip = makeZip(parts, { comment: 'a comment' });
  assert.deepEqual(contents(zip), {
    mimetype: 'text of mimetype'.repeat(20),
    'a/b.txt': 'text of a/b.txt'.repeat(20),
    'ü.txt': 'text of ü.txt'.repeat(20),
    nothing: '',
  });
  for (const member of readZip(bufferSource(zip))) {
    const source = member.open();
    assert.deepEqual(source.digest('sha256'), sha256(source.read(0, source.size)));
    assert.equal(source.read(5, 1000).length, Math.max(0, source.size - 5));
  }
});

void test('zips of Python, also with 64-bit fields, are read', needs('pyhanko'), async () => {
  const program = `
import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, 'w') as z:
    z.writestr('mimetype', 'x')
    z.writestr(zipfile.ZipInfo('dir/packed.txt'), 'hello ' * 1000, zipfile.ZIP_DEFLATED)
    with z.open('wide.bin', 'w', force_zip64=True) as f: f.write(b'12345')
sys.stdout.buffer.write(out.getvalue())`;
  const { stdout } = await runProgram(`${venv}/bin/python`, ['-c', program]);
  assert.deepEqual(contents(stdout), { mimetype: 'x', 'dir/packed.txt': 'hello '.repeat(1000), 'wide.bin': '12345' });
});

const bomb = Buffer.alloc(1_000_000);
/** Blocks that hold nothing, then the end: 500,000 bytes that unpack to none. */
const emptyBlocks = Buffer.concat([
  ...Array.from({ length: 100_000 }, () => Buffer.from('000000ffff', 'hex')),
  Buffer.from('010000ffff', 'hex'),
]);
const hostile: readonly (readonly [string, RegExp, () => Buffer])[] = [
  ['a name twice', /is there twice/, () => makeZip([text('a'), text('a')])],
  ['a name that leads elsewhere', /the name .* is none/, () => makeZip([text('../a')])],
  ['an absolute name', /the name .* is none/, () => makeZip([text('/etc/passwd')])],
  ['a name with backslashes', /the name .* is none/, () => makeZip([text('..\\a')])],
  ['a name that is not UTF-8', /the name .* is none/, () => makeZip([{ name: Buffer.from([0xff, 0x61]), bytes: Buffer.from('a') }])],
  ['another name in front of the bytes', /is called otherwise/, () => makeZip([text('a', { localName: 'b' })])],
  ['encrypted', /is encrypted/, () => makeZip([text('a', { flags: 1 })])],
  ['a method that nobody knows', /method 93/, () => makeZip([text('a', { method: 93 })])],
  ['two files in the same bytes', /shares bytes/, () => makeZip([text('a'), text('a', { name: 'a', offset: 0 })])],
  ['a file beyond the end', /not where the directory says/, () => makeZip([text('a', { offset: 9999 })])],
  ['longer than it says', /does not unpack/, () => makeZip([text('a', { packed: true, size: 5 })])],
  ['shorter than it says', /does not unpack/, () => makeZip([text('a', { packed: true, size: 5000 })])],
  ['stored, of another length', /not as long/, () => makeZip([text('a', { size: 5000 })])],
  ['another checksum', /does not unpack/, () => makeZip([text('a', { packed: true, crc: 1 })])],
  ['bytes behind', /behind its end/, () => Buffer.concat([makeZip([text('a')]), Buffer.from('more')])],
  ['bytes in front', /not where its end says/, () => Buffer.concat([Buffer.from('MZ'), makeZip([text('a')])])],
  ['fewer files than the directory', /longer than its files/, () => makeZip([text('a'), text('b')], { count: 1 })],
  ['more files than the directory', /malformed/, () => makeZip([text('a')], { count: 2 })],
  [
    'too many files',
    /more than 10000 files/,
    () => makeZip(Array.from({ length: zipLimits.files + 1 }, (_, n) => ({ name: `${n}`, bytes: Buffer.alloc(0) }))),
  ],
  [
    'a bomb',
    /more than \d+ bytes unpacked/,
    () => makeZip(Array.from({ length: 300 }, (_, n) => ({ name: `${n}`, bytes: bomb, packed: true }))),
  ],
  ['packed bytes without content', /packed into more/, () => makeZip([{ name: 'a', bytes: emptyBlocks, method: 8, size: 3 }])],
  ['no zip', /no end of central directory/, () => Buffer.from('PK\x03\x04 and nothing else')],
];

void test('the digest of a file is computed once, however many manifests name it', () => {
  const zip = bufferSource(makeZip([text('a')]));
  let asked = 0;
  const counting = { ...zip, digest: (...args: Parameters<typeof zip.digest>) => (asked++, zip.digest(...args)) };
  const [member] = readZip(counting);
  assert.ok(member);
  for (let n = 0; n < 10; n++) assert.deepEqual(member.open().digest('sha256'), sha256(text('a').bytes));
  assert.equal(asked, 1);
});

void test('hostile zips are refused with a reason', () => {
  for (const [name, reason, make] of hostile)
    assert.throws(
      () => contents(make()),
      (error) => error instanceof SealError && reason.test(error.message),
      name,
    );
});

void test('a zip spoilt anywhere is read or refused with a code, never a crash', () => {
  const good = makeZip([text('mimetype'), text('a.txt', { packed: true }), text('b.txt')]);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(3), (place, value, cut) => {
      const spoilt = Buffer.from(cut === 0 ? good.subarray(0, place) : good);
      if (place < spoilt.length) spoilt[place] = value;
      try {
        contents(spoilt);
      } catch (error) {
        assert.ok(error instanceof SealError && /^SEAL-(INPUT-INVALID|DOC-LIMIT)$/.test(error.code), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
