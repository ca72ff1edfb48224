import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { Terminal } from '../../src/cli/terminal.ts';
import { SealError } from '../../src/errors.ts';
import { captured } from './captured.ts';

describe('terminal', () => {
  test('an error says what, where, why and what to do; control characters of others stay harmless', () => {
    const { terminal, err } = captured();
    terminal.error(new SealError('SEAL-INPUT-MISSING', 'cannot read \u001b[2Jthe file', { where: '/a/b\u202ec', hint: 'mend it' }));
    assert.equal(err(), 'error SEAL-INPUT-MISSING: cannot read \\u{1b}[2Jthe file\n  where: /a/b\\u{202e}c\n  hint: mend it\n');
  });

  test('where is not said twice, and what has no hint of its own has the remedy of its code', () => {
    const { terminal, err } = captured();
    terminal.error(new SealError('SEAL-DAEMON-ABSENT', 'no daemon on /data', { where: '/data' }));
    assert.equal(err(), 'error SEAL-DAEMON-ABSENT: no daemon on /data\n  hint: start it with “sealtree run”\n');
  });

  test('several problems of a configuration stand in lines of their own', () => {
    const { terminal, err } = captured();
    terminal.error(new SealError('SEAL-CONFIG-INVALID', 'a.yaml:1:1: x\na.yaml:2:1: y', { hint: 'mend' }));
    assert.match(err(), /^error SEAL-CONFIG-INVALID: a\.yaml:1:1: x\n {2}a\.yaml:2:1: y\n/);
  });

  test('--json: the result alone on stdout; --quiet: no messages', () => {
    const json = captured({ json: true });
    json.terminal.print('for people');
    json.terminal.result({ bytes: Buffer.from('ab'), map: new Map([['a', 1]]) });
    json.terminal.note('a message');
    assert.deepEqual(JSON.parse(json.out()), { bytes: '6162', map: { a: 1 } });
    assert.equal(json.err(), 'a message\n');
    const quiet = captured({ quiet: true });
    quiet.terminal.note('a message');
    quiet.terminal.print('the result');
    assert.deepEqual([quiet.out(), quiet.err()], ['the result\n', '']);
  });

  test('a table keeps its columns; on a narrow terminal the path gives way, with its end in sight', () => {
    const rows = [
      ['1', 'letters/2026/november/second-delivery', 'done'],
      ['22', 'short', 'waits'],
    ];
    const wide = captured();
    wide.terminal.table(rows, ['ID', 'PATH', 'STATE'], 1);
    assert.equal(wide.out().split('\n')[2], '22  short                                  waits');
    const narrow = captured({}, 30);
    narrow.terminal.table(rows, ['ID', 'PATH', 'STATE'], 1);
    const lines = narrow
      .out()
      .replace(/\u001b\[\d+m/g, '')
      .trimEnd()
      .split('\n');
    assert.ok(
      lines.every((line) => line.length <= 30),
      narrow.out(),
    );
    assert.match(lines[1] ?? '', /^1 {3}….*second-delivery {2}done$/);
  });

  test('a reader that has gone away ends the writing, not the command', () => {
    const gone = new PassThrough();
    gone.destroy();
    const terminal = new Terminal({ json: false, quiet: false, out: gone });
    terminal.print('nobody reads this');
    assert.equal(terminal.deaf, true);
  });
});
