import type { Command } from 'commander';
import { initialize } from '../../compose.ts';
import { action, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `init [DIR]` */
export function initCommand(program: Command, setExit: SetExit): void {
  action(
    program.command('init [dir]').description('a configuration that is ready to run, with an evaluation CA and TSA; overwrites nothing'),
    setExit,
    async (session, [dir = '.']) => {
      const result = await initialize(dir);
      const { terminal } = session;
      terminal.result(result);
      for (const path of result.created) terminal.print(`${terminal.style('green', 'created')} ${path}`);
      for (const path of result.kept) terminal.print(`${terminal.style('yellow', 'kept')}    ${path}`);
      terminal.print();
      terminal.print('For evaluation only: its certificates and timestamps prove nothing to others. Next:');
      for (const command of result.commands) terminal.print(`  ${command}`);
      return Exit.done;
    },
  );
}
