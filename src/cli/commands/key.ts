import type { Command } from 'commander';
import type { KeyView } from '../../app/keys.ts';
import { SealError } from '../../errors.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { keyManagementCommands } from './key-management.ts';
import { askPin } from './pin.ts';
import { printKeys } from '../show/keys.ts';

/** `key list|activate|deactivate|generate|csr|import|test` */
export function keyCommands(program: Command, setExit: SetExit): void {
  const key = program.command('key').description('keys and cards');
  action(key.command('list').description('state of every key, and why'), setExit, async (session) => {
    const keys = await session.call('key.list', {});
    session.terminal.result(keys);
    printKeys(session.terminal, keys);
    return Exit.done;
  });
  action<GlobalOptions & { pinFile?: string }>(
    key
      .command('activate <name>')
      .description('enter the PIN of a card, here or on the pad of its reader')
      .option('--pin-file <file>', 'read the PIN from a private file, or - for standard input'),
    setExit,
    async (session, [name = ''], { pinFile }) => {
      const key = demandKey(await session.call('key.list', {}), name);
      const document = key.waiting;
      if (document !== undefined) {
        session.terminal.note(`${name} is to sign this document:`);
        session.terminal.note(`  ${document.document}`);
        session.terminal.note(`  SHA-256 ${document.sha256}`);
      }
      const pin = askPin(session.terminal, key, pinFile);
      if (pin?.length === 0) throw new SealError('SEAL-USAGE', 'no PIN was entered', { hint: 'nothing was tried; repeat the command' });
      const args = {
        name,
        ...(document === undefined ? {} : { document: document.sha256 }),
        ...(pin === undefined ? { atReader: true as const } : {}),
      };
      const view = await session.call('key.activate', args, pin);
      session.terminal.result(view);
      printKeys(session.terminal, [view]);
      // The document that was shown is signed then; that the next one may wait already is another matter.
      return document !== undefined || view.state === 'ready' ? Exit.done : Exit.notYet;
    },
  );
  action(key.command('deactivate <name>').description('end the activation of a card'), setExit, async (session, [name = '']) => {
    const view = await session.call('key.deactivate', { name });
    session.terminal.result(view);
    printKeys(session.terminal, [view]);
    return Exit.done;
  });
  keyManagementCommands(key, setExit);
  action(key.command('test <name>').description('make one signature and verify it; it counts'), setExit, async (session, [name = '']) => {
    const result = await session.call('key.test', { name });
    session.terminal.result(result);
    session.terminal.print(`${session.terminal.style('green', '✓')} ${name} signs: ${result.algorithm}, ${result.ms} ms`);
    return Exit.done;
  });
}

/** The key whose PIN a person is about to enter. @throws SealError SEAL-KEY-UNKNOWN, SEAL-USAGE, or why the card takes none now */
function demandKey(keys: readonly KeyView[], name: string): KeyView {
  const key = keys.find((view) => view.name === name);
  if (key === undefined)
    throw new SealError('SEAL-KEY-UNKNOWN', `no key is called “${name}”`, { hint: '“sealtree key list” shows the keys' });
  if (key.source === 'pkcs12')
    throw new SealError('SEAL-USAGE', `${name} has no PIN: it is a key file, opened with its passphrase`, {
      hint: '“passphrase:” of the key tells where it is; restart the daemon when it was changed',
    });
  if (key.individual === true && key.waiting === undefined)
    throw new SealError('SEAL-USAGE', `${name} asks its PIN for each document, and no document waits`, {
      hint: '“sealtree status” tells when one does',
    });
  if ((key.state === 'pin-locked' || key.state === 'absent') && key.error !== undefined) throw SealError.from(key.error);
  return key;
}
