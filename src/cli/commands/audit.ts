import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `audit show|verify|export` */
export function auditCommands(program: Command, setExit: SetExit): void {
  const audit = program.command('audit').description('who did what, chained by hashes');
  action<GlobalOptions & { after: string; limit: string }>(
    audit
      .command('show')
      .description('rows in their order')
      .option('--after <seq>', 'only rows behind this one', '0')
      .option('--limit <n>', 'at most', '100'),
    setExit,
    async (session, _, { after, limit }) => {
      const rows = await session.call('audit.show', { after: Number(after), limit: Number(limit) });
      session.terminal.result(rows);
      for (const row of rows) session.terminal.print(`${row.seq}  ${row.at}  ${row.actor}  ${row.action}  ${JSON.stringify(row.details)}`);
      return Exit.done;
    },
  );
  action(audit.command('verify').description('follow the chain of hashes from the first row to the last'), setExit, async (session) => {
    const result = await session.call('audit.verify', {});
    session.terminal.result(result);
    session.terminal.print(
      result.ok
        ? `${session.terminal.style('green', '✓')} ${result.rows} rows, the chain holds`
        : `${session.terminal.style('red', '✗')} ${result.problem ?? ''}`,
    );
    return result.ok ? Exit.done : Exit.invalid;
  });
  action(audit.command('export').description('all rows as JSON lines on stdout'), setExit, async (session) => {
    for (let after = 0; ;) {
      const rows = await session.call('audit.show', { after, limit: 1000 });
      for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
      const last = rows.at(-1);
      if (last === undefined) return Exit.done;
      after = last.seq;
    }
  });
}
