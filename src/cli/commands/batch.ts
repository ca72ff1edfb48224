import type { Command } from 'commander';
import { action, wholeNumber, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import type { Session } from '../session.ts';
import { printBatch, printBatches } from '../show/batches.ts';

interface ListOptions extends GlobalOptions {
  readonly root?: string;
  readonly state?: string;
  readonly limit: number;
}

const documentsShown = 200;

/** `batch list|show|retry|cancel|approve` */
export function batchCommands(program: Command, setExit: SetExit): void {
  const batch = program.command('batch').description('batches: what is under way, what failed and why');
  action<ListOptions>(
    batch
      .command('list')
      .description('newest first')
      .option('--root <name>', 'only batches of this root')
      .option('--state <state>', 'a state, or active, waiting, ended')
      .option('--limit <n>', 'at most', wholeNumber(1, 100_000), 50),
    setExit,
    async (session, _, options) => {
      const { root, state } = options;
      const batches = await session.call('batch.list', {
        limit: options.limit,
        ...(root === undefined ? {} : { root }),
        ...(state === undefined ? {} : { state }),
      });
      session.terminal.result(batches);
      printBatches(session.terminal, batches);
      return Exit.done;
    },
  );
  action<GlobalOptions & { limit?: number }>(
    batch
      .command('show <id>')
      .description('how far it got and why not further, what to do, and its documents')
      .option(
        '--limit <n>',
        `documents at most, failed ones first (default: ${documentsShown}, with --json all)`,
        wholeNumber(1, 10_000_000),
      ),
    setExit,
    async (session, [id = ''], { limit = session.terminal.json ? undefined : documentsShown }) => {
      const details = await session.call('batch.show', { id, ...(limit === undefined ? {} : { limit }) });
      session.terminal.result(details);
      printBatch(session.terminal, details);
      return Exit.done;
    },
  );
  action<GlobalOptions & { again?: boolean }>(
    batch
      .command('retry <id>')
      .description('take a failed or waiting batch up again; signatures already made are used')
      .option('--again', 'although an earlier batch had the same documents'),
    setExit,
    async (session, [id = ''], { again }) => await answer(session, session.call('batch.retry', { id, again: again === true })),
  );
  action(
    batch.command('cancel <id>').description('stop a batch; its documents go to failed/'),
    setExit,
    async (session, [id = '']) => await answer(session, session.call('batch.cancel', { id })),
  );
  action(
    batch.command('approve <root> <path>').description('write the approval semaphore into a directory below incoming'),
    setExit,
    async (session, [root = '', path = '']) => await answer(session, session.call('batch.approve', { root, path })),
  );
}

async function answer(session: Session, call: Promise<{ readonly message: string }>): Promise<number> {
  const result = await call;
  session.terminal.result(result);
  session.terminal.print(result.message);
  return Exit.done;
}
