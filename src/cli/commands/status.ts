import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { printStatus } from '../show/status.ts';

/** `status [--probe]`: exit 0 when nothing needs a person, 75 otherwise with --probe. */
export function statusCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { probe?: boolean }>(
    program
      .command('status')
      .description('roots, batches, keys, tree, timestamps, disk: what is due and what it waits for')
      .option('--probe', 'for monitoring: ask the authorities for a timestamp now, and exit 75 when a person is needed'),
    setExit,
    async (session, _, { probe }) => {
      const status = await session.call('status', probe === true ? { probe } : {});
      session.terminal.result(status);
      printStatus(session.terminal, status);
      return probe === true && status.attention.length > 0 ? Exit.notYet : Exit.done;
    },
  );
}
