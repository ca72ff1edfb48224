import type { Command } from 'commander';
import { serveEvaluationAuthority } from '../../compose/evaluation.ts';
import { action, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `tsa` */
export function tsaCommand(program: Command, setExit: SetExit): void {
  action(
    program.command('tsa').description('the evaluation authority alone: RFC 3161, CRLs and OCSP on loopback'),
    setExit,
    async (session) => {
      await serveEvaluationAuthority(session.config(), session.signal, (addresses) => {
        session.terminal.result(addresses);
        for (const [what, url] of Object.entries(addresses)) session.terminal.print(`${what.padEnd(5)} ${url}`);
      });
      return Exit.done;
    },
  );
}
