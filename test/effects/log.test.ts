import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog, type LogOptions, type SystemLog } from '../../src/effects/log.ts';
import { SealError } from '../../src/errors.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';

interface Entry {
  readonly level: string;
  readonly time: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

function collecting(options: Partial<LogOptions> = {}): {
  readonly log: SystemLog;
  readonly text: () => string;
  readonly entries: () => Entry[];
} {
  const lines: string[] = [];
  const log = createLog({ clock: new ManualClock() }, { level: 'info', modules: {}, write: (line) => lines.push(line), ...options });
  return { log, text: () => lines.join(''), entries: () => lines.map((line) => JSON.parse(line) as Entry) };
}

test('a line is JSON with time, level and the correlation fields of all its parents', () => {
  const { log, entries } = collecting();
  log.child({ module: 'batch', batch: 'b1' }).child({ document: 7 }).info({ ms: 3 }, 'step ended');
  assert.deepEqual(entries(), [
    { level: 'info', time: '2026-11-22T06:21:29.000Z', module: 'batch', batch: 'b1', document: 7, ms: 3, message: 'step ended' },
  ]);
});

test('the level is per module, children inherit the module, and levels can be changed while running', () => {
  const { log, entries } = collecting({ level: 'warn', modules: { signer: 'trace' } });
  const signer = log.child({ module: 'signer' }).child({ key: 'k' });
  const watcher = log.child({ module: 'watcher' });
  signer.trace({}, 'one');
  watcher.info({}, 'hidden');
  watcher.warn({}, 'two');
  log.setLevels({ level: 'info', modules: {} });
  signer.debug({}, 'hidden');
  watcher.info({}, 'three');
  assert.deepEqual(
    entries().map(({ message }) => message),
    ['one', 'two', 'three'],
  );
});

test('PIN, passphrase, password, secret and token are never written, at no depth and in no spelling', () => {
  const { log, text } = collecting();
  const fields = {
    pin: '4711-a',
    Passphrase: '4711-b',
    deep: [{ tsa: { credentials: { password: '4711-c', PIN: Buffer.from('4711-d') } } }],
  };
  log.child({ secret: '4711-e' }).error({ ...fields, token: Buffer.from('4711-f') }, 'sign in');
  assert.doesNotMatch(text(), /4711/);
  assert.match(text(), /\[redacted\]/);
});

test('names cannot forge lines or redraw a terminal', () => {
  for (const plain of [false, true]) {
    const { log, text } = collecting({ plain });
    log.info(
      { name: Buffer.from('a\nb\u001b[2J'), other: 'x\u202Etxt.exe\r\n', raw: Buffer.from([0xff, 0x0a]) },
      'got “a\n2026 error forged”',
    );
    assert.equal(text().split('\n').length, 2, text());
    assert.doesNotMatch(text(), /[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});

test('an error shows code, hint and the chain of its causes; a defect also its stack', () => {
  const { log, entries } = collecting();
  const cause = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  log.error({ error: new SealError('SEAL-DISK-FULL', 'no room', { hint: 'make room', cause }) }, 'failed');
  const error = entries()[0]?.['error'] as { code: string; hint: string; stack?: string; cause: { code: string } };
  assert.deepEqual([error.code, error.hint, error.cause.code, error.stack], ['SEAL-DISK-FULL', 'make room', 'ENOSPC', undefined]);
});

test('endless and circular fields end', () => {
  const { log, entries } = collecting();
  const circle: Record<string, unknown> = { big: 10n ** 30n, many: Array.from({ length: 1000 }, (_, n) => n) };
  circle['self'] = circle;
  log.info(circle, 'round');
  assert.equal((entries()[0]?.['many'] as unknown[]).length, 201);
});

test('a person reads plain lines', () => {
  const { log, text } = collecting({ plain: true });
  log.child({ module: 'batch', batch: 'b1' }).info({ to: 'spooled', why: 'two words' }, 'moved on');
  assert.equal(text(), '2026-11-22 06:21:29Z info  batch: moved on  batch=b1 to=spooled why="two words"\n');
});

test('a file is appended to, and opened again after a rotation', (t) => {
  const file = join(temporaryDirectory(t), 'logs', 'sealtree.log');
  const log = createLog({ clock: new ManualClock() }, { level: 'info', modules: {}, file });
  log.info({}, 'before');
  renameSync(file, `${file}.1`);
  log.info({}, 'to the old file');
  log.reopen();
  log.info({}, 'after');
  assert.match(readFileSync(`${file}.1`, 'utf8'), /before.*\n.*to the old file/);
  assert.match(readFileSync(file, 'utf8'), /^\{[^\n]*after"\}\n$/);
});
