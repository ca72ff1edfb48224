import type { Command } from 'commander';
import { action, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { activationCommands } from './key-activate.ts';
import { keyManagementCommands } from './key-management.ts';
import { printKeys } from '../show/keys.ts';

/** `key list|stack|activate|deactivate|generate|csr|import|test` */
export function keyCommands(program: Command, setExit: SetExit): void {
  const key = program.command('key').description('keys and cards');
  action(key.command('list').description('state of every key, and why'), setExit, async (session) => {
    const keys = await session.call('key.list', {});
    session.terminal.result(keys);
    printKeys(session.terminal, keys);
    return Exit.done;
  });
  activationCommands(key, setExit);
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
