import type { Command } from 'commander';
import { action, wholeNumber, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { counted } from '../terminal.ts';

/** `audit show|verify|export` */
export function auditCommands(program: Command, setExit: SetExit): void {
  const audit = program.command('audit').description('who did what, chained by hashes');
  action<GlobalOptions & { after?: number; limit: number }>(
    audit
      .command('show')
      .description('the newest rows, in their order')
      .option('--after <seq>', 'the rows behind this one instead', wholeNumber(0, Number.MAX_SAFE_INTEGER))
      .option('--limit <n>', 'at most', wholeNumber(1, 10_000), 100),
    setExit,
    async (session, _, { after, limit }) => {
      const { terminal } = session;
      const rows = await session.call('audit.show', { limit, ...(after === undefined ? {} : { after }) });
      terminal.result(rows);
      for (const { seq, at, actor, action: what, details } of rows)
        terminal.print(`${seq}  ${at}  ${actor}  ${terminal.style('bold', what)}  ${JSON.stringify(details)}`);
      if (rows.length === 0) terminal.print('no rows');
      return Exit.done;
    },
  );
  action(audit.command('verify').description('follow the chain of hashes from the first row to the last'), setExit, async (session) => {
    const { terminal } = session;
    const result = await session.call('audit.verify', {});
    terminal.result(result);
    terminal.print(
      result.ok
        ? `${terminal.style('green', '✓')} ${counted(result.rows, 'row')}, the chain holds`
        : `${terminal.style('red', '✗')} ${result.problem ?? ''}`,
    );
    return result.ok ? Exit.done : Exit.invalid;
  });
  action(
    audit.command('export').description('all rows on stdout: a line of JSON each; with --json one JSON array'),
    setExit,
    async (session) => {
      const { terminal } = session;
      let before = terminal.json ? '[\n' : '';
      for (let after = 0; !terminal.deaf;) {
        session.signal.throwIfAborted();
        const rows = await session.call('audit.show', { after, limit: 1000 });
        for (const row of rows) {
          terminal.write(`${before}${JSON.stringify(row)}${terminal.json ? '' : '\n'}`);
          if (terminal.json) before = ',\n';
        }
        const last = rows.at(-1);
        if (last === undefined) break;
        after = last.seq;
      }
      if (terminal.json) terminal.write(before === '[\n' ? '[]\n' : '\n]\n');
      return Exit.done;
    },
  );
}
