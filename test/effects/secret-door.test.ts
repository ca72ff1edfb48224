import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { offerSecret, removeLeftDoors, takeSecret } from '../../src/effects/secret-door.ts';
import type { TestContext } from 'node:test';

function directory(t: TestContext): string {
  const made = mkdtempSync(`${tmpdir()}/sealtree-doors-`);
  t.after(() => {
    rmSync(made, { recursive: true, force: true });
  });
  return made;
}

test('a secret is taken once, zeroed at the end, and its door goes', async (t) => {
  const at = directory(t);
  const secret = Buffer.from('8642097531');
  const door = await offerSecret(at, secret);
  assert.equal((await takeSecret(at, door.name)).toString(), '8642097531');
  await assert.rejects(takeSecret(at, door.name));
  await door.close();
  assert.deepEqual([readdirSync(at), secret], [[], Buffer.alloc(10)]);
});

test('doors of a process that was killed are removed, nothing else', async (t) => {
  const at = directory(t);
  const others = ['0123456789abcdef-01234567.sock', '0123456789abcdef.card', 'opensc-0123456789abcdef.conf', 'pin-x.sock'];
  for (const name of [...others, `pin-${'0a'.repeat(12)}.sock`]) writeFileSync(`${at}/${name}`, '');
  await removeLeftDoors(at);
  assert.deepEqual(readdirSync(at).sort(), others.sort());
  await removeLeftDoors(`${at}/never-made`);
});
