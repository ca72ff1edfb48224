import type { Command } from 'commander';
import { action, date, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `report --from --to` */
export function reportCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { from?: string; to?: string }>(
    program
      .command('report')
      .description('what came in and went out, signatures by key, timestamps by TSA')
      .option('--from <date>', 'a local date of the archive’s time zone; default: today', date)
      .option('--to <date>', 'inclusive; default: --from', date),
    setExit,
    async (session, _, { from, to }) => {
      const { terminal } = session;
      const report = await session.call('report', { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
      terminal.result(report);
      const { documents } = report;
      const { from: first, to: last, timezone } = report.days;
      terminal.print(`${first === last ? first : `${first} to ${last}`}, ${timezone}${report.evaluation ? '  EVALUATION' : ''}`);
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
