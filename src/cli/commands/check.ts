import type { Command } from 'commander';
import { exitOfFindings, type Finding } from '../../app/check/finding.ts';
import { checkInstallation } from '../../compose.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { progressBar } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

const marks = { ok: ['green', '✓'], warning: ['yellow', '!'], error: ['red', '✗'] } as const;

/** `check [--sign] [--notify]` */
export function checkCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { sign?: boolean; notify?: boolean }>(
    program
      .command('check')
      .description('try configuration, directories, trust, keys and timestamps, beside the daemon too')
      .option('--sign', 'make a trial signature with each key and verify it; it counts')
      .option('--notify', 'send a test message to the people that “notify” names'),
    setExit,
    async (session, _, { sign, notify }) => {
      const { terminal } = session;
      const config = session.config();
      const bar = progressBar(terminal);
      const options = { sign: sign === true, notify: notify === true, actor: session.actor, signal: session.signal, progress: bar.update };
      const findings = await checkInstallation(config, options).finally(() => {
        bar.end();
      });
      terminal.result(findings);
      for (const finding of findings) print(terminal, finding);
      terminal.print(summary(findings));
      return exitOfFindings(findings);
    },
  );
}

function print(terminal: Terminal, { status, what, message, hint, code }: Finding): void {
  const [color, mark] = marks[status];
  terminal.print(`${terminal.style(color, mark)} ${what}: ${code === undefined ? '' : `${code} `}${message}`);
  if (hint !== undefined) terminal.hint(hint);
}

function summary(findings: readonly Finding[]): string {
  const count = (status: Finding['status']): number => findings.filter((finding) => finding.status === status).length;
  return `${count('ok')} ✓, ${count('warning')} !, ${count('error')} ✗`;
}
