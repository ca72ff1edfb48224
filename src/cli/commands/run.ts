import type { Command } from 'commander';
import { runDaemon } from '../../compose.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `run [--once]` */
export function runCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { once?: boolean }>(
    program.command('run').description('the daemon').option('--once', 'settle, process approved batches, then stop'),
    setExit,
    async (session, _, { once }) => {
      const { terminal } = session;
      const outcome = await runDaemon(session.config(), session.configPath, { once: once === true, signal: session.signal });
      terminal.result(outcome);
      if (once !== true) return Exit.done;
      terminal.print(`${outcome.delivered} delivered, ${outcome.inPart} in part, ${outcome.failed} failed, ${outcome.waiting} waiting`);
      if (outcome.interrupted === true) {
        terminal.note('interrupted: what is left goes on at the next start');
        return Exit.interrupted;
      }
      if (outcome.failed + outcome.inPart > 0) return Exit.inPart;
      return outcome.waiting > 0 ? Exit.notYet : Exit.done;
    },
  );
}
