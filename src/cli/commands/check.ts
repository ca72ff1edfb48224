import type { Command } from 'commander';
import { checkInstallation } from '../../compose.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

const marks = { ok: ['green', '✓'], warning: ['yellow', '!'], error: ['red', '✗'] } as const;

/** `check [--sign]` */
export function checkCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { sign?: boolean }>(
    program
      .command('check')
      .description('try configuration, directories, keys, TSA and disk before anything runs')
      .option('--sign', 'make a trial signature with each key; it counts'),
    setExit,
    async (session, _, { sign }) => {
      const { terminal } = session;
      const findings = await checkInstallation(session.config(), { sign: sign === true, signal: session.signal });
      terminal.result(findings);
      for (const { status, what, message, hint } of findings) {
        const [color, mark] = marks[status];
        terminal.print(`${terminal.style(color, mark)} ${what}: ${message}`);
        if (hint !== undefined) terminal.print(`    ${terminal.style('cyan', 'hint')}: ${hint}`);
      }
      const worst = findings.find((finding) => finding.status === 'error');
      return worst === undefined ? Exit.done : (worst.exit ?? 69);
    },
  );
}
