import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `report --from --to` */
export function reportCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { from?: string; to?: string }>(
    program
      .command('report')
      .description('what came in and went out, signatures by key, timestamps by TSA')
      .option('--from <date>', 'default: today')
      .option('--to <date>', 'inclusive; default: --from'),
    setExit,
    async (session, _, { from, to }) => {
      const { terminal } = session;
      const report = await session.call('report', { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
      terminal.result(report);
      const { documents } = report;
      terminal.print(`${report.from} to ${report.to}${report.evaluation ? '  EVALUATION' : ''}`);
      terminal.print(
        `documents  in ${documents.in} = delivered ${documents.delivered} + failed ${documents.failed} + waiting ${documents.waiting}`,
      );
      for (const [key, count] of Object.entries(report.signaturesByKey)) terminal.print(`signatures ${key}: ${count}`);
      for (const { tsa, ok, failed } of report.timestamps)
        terminal.print(`timestamps ${tsa}: ${ok}${failed > 0 ? `, ${failed} failed` : ''}`);
      return Exit.done;
    },
  );
}
