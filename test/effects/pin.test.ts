import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const reader = new URL('./pin-reader.ts', import.meta.url).pathname;

/** Types into a process that reads a PIN; `script(1)` gives it a terminal. */
async function type(
  args: readonly string[],
  texts: readonly string[],
  terminal = false,
): Promise<{ output: string; status: number | null }> {
  const command = [process.execPath, reader, ...args];
  const child = terminal
    ? spawn('script', ['-qec', command.map((part) => `'${part}'`).join(' '), '/dev/null'])
    : spawn(command[0] ?? '', command.slice(1));
  // It may have read its line and ended before all was typed.
  child.stdin.on('error', () => undefined);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (terminal) while (!output.includes('PIN: ')) await sleep(10);
  for (const text of texts) {
    child.stdin.write(text, 'latin1');
    await sleep(50);
  }
  child.stdin.end();
  const status = await ended;
  return { output, status };
}

test('through a pipe, as it comes: in pieces, with or without a line end, with any octet', async () => {
  assert.equal((await type([], ['12', '34\n', 'more'])).output, '[1234]');
  assert.equal((await type(['-'], ['', '1234'])).output, '[1234]');
  assert.equal((await type(['-'], ['p\x08\x7f\x04\xffn\r\n'])).output, '[p\x08\x7f\x04\xffn]');
  assert.equal((await type(['-'], [])).output, '[]');
});

test('from a file that only its owner reads', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-pin-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  writeFileSync(join(directory, 'pin'), '1234\n', { mode: 0o600 });
  writeFileSync(join(directory, 'open'), '1234\n', { mode: 0o644 });
  assert.equal((await type([join(directory, 'pin')], [])).output, '[1234]');
  const { output, status } = await type([join(directory, 'open')], []);
  assert.match(output, /SEAL-CONFIG-SECRET/);
  assert.notEqual(status, 0);
});

test('at a terminal: no echo, keys erase, and an interrupt is one', async () => {
  const typed = await type([], ['12x\x7f34\r'], true);
  assert.equal(typed.output.replaceAll('\r', ''), 'PIN: \n[1234]');
  const { output, status } = await type([], ['77889\x03'], true);
  assert.match(output, /SEAL-INTERRUPTED/);
  assert.doesNotMatch(output, /77889/);
  assert.notEqual(status, 0);
});
