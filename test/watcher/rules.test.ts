import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { anyNameMatcher, nameMatcher } from '../../src/formats/globs.ts';
import { nearMissCheck } from '../../src/watcher/near-miss.ts';
import { liesBelow, rulesOf } from '../../src/watcher/rules.ts';

const matches = (pattern: string, name: string | Buffer): boolean => nameMatcher(pattern)(Buffer.from(name));

suite('globs on names', () => {
  test('star and question mark, nothing else', () => {
    assert.ok(matches('*.part', 'x.part') && matches('*.part', '.part') && !matches('*.part', 'x.parts'));
    assert.ok(matches('~$*', '~$report.docx') && matches('.~lock.*', '.~lock.x#'));
    assert.ok(matches('?.txt', 'ü.txt') && matches('?.txt', Buffer.from([0xff, 0x2e, 0x74, 0x78, 0x74])) && !matches('?.txt', 'ab.txt'));
    assert.ok(matches('[a]{b}', '[a]{b}') && !matches('[a]', 'a'));
    assert.ok(anyNameMatcher(['Thumbs.db', '*.tmp'])(Buffer.from('Thumbs.db')));
    assert.ok(!matches('Thumbs.db', 'thumbs.db'), 'names are bytes: capitals differ');
    assert.ok(matches('*', Buffer.from([0xff, 0x0a])));
  });

  test('agrees with a regular expression on every name', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.', 'ü'), maxLength: 10 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b', '.', 'ü', '\n'), maxLength: 12 }), (pattern, name) => {
        const source = pattern.replace(/[.]/g, '\\.').replaceAll('*', '[^]*').replaceAll('?', '[^]');
        assert.equal(matches(pattern, name), new RegExp(`^${source}$`, 'u').test(name));
      }),
    );
  });

  test('a hostile pattern costs no more than name × pattern', () => {
    assert.equal(matches(`${'a*'.repeat(100)}b`, 'a'.repeat(255)), false);
  });
});

test('a file of a batch is a semaphore, ignored or a document, wherever it lies', () => {
  const rules = rulesOf({ approval: { name: 'APPROVED' }, ignore: ['*.part', 'Thumbs.db'] });
  assert.equal(rules.role(Buffer.from('APPROVED')), 'semaphore');
  assert.equal(rules.role(Buffer.from('deep/APPROVED')), 'semaphore');
  assert.equal(rules.role(Buffer.from('a/x.part')), 'ignored');
  assert.equal(rules.role(Buffer.from('APPROVED/x')), 'document');
  assert.ok(rules.reserved(Buffer.from('.sealtree')));
  assert.ok(liesBelow(Buffer.from('a/b'), Buffer.from('a')) && !liesBelow(Buffer.from('ab'), Buffer.from('a')));
  assert.ok(liesBelow(Buffer.from('a'), Buffer.alloc(0)) && !liesBelow(Buffer.from('a'), Buffer.from('a')));
});

suite('near misses', () => {
  const check = nearMissCheck('APPROVED');
  const said = (name: string, kind: 'file' | 'directory' | 'symlink' = 'file'): string | undefined => check(Buffer.from(name), kind);

  test('what was probably meant is explained', () => {
    assert.equal(said('Approved.txt'), '“Approved.txt” found, “APPROVED” expected');
    for (const name of ['approved', 'APPROVED.TXT', 'APROVED', 'APPORVED', ' APPROVED', 'APPROVED (1)', 'APPROVE'])
      assert.ok(said(name), name);
  });

  test('the right name on something else is explained too', () => {
    assert.equal(said('APPROVED', 'directory'), '“APPROVED” is a directory; a regular file is expected');
    assert.ok(said('APPROVED', 'symlink'));
  });

  test('the right file and ordinary documents are not', () => {
    for (const name of ['APPROVED', 'invoice.pdf', 'READY', 'proved-by-us-all.pdf', 'a', '']) assert.equal(said(name), undefined, name);
    assert.equal(said('invoices', 'directory'), undefined);
  });

  test('globs: capitals and an extension too many', () => {
    const ok = nearMissCheck('*.ok');
    assert.ok(ok(Buffer.from('x.OK'), 'file') && ok(Buffer.from('x.ok.txt'), 'file'));
    assert.equal(ok(Buffer.from('x.ok'), 'file'), undefined);
    assert.equal(ok(Buffer.from('x.okay'), 'file'), undefined);
  });
});
