import type { Command } from 'commander';
import type { BatchView, DocumentView } from '../../app/views.ts';
import { action, wholeNumber, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import type { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';

interface ListOptions extends GlobalOptions {
  readonly root?: string;
  readonly state?: string;
  readonly limit: number;
}

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
  action(batch.command('show <id>').description('with its documents'), setExit, async (session, [id = '']) => {
    const details = await session.call('batch.show', { id });
    session.terminal.result(details);
    printBatches(session.terminal, [details]);
    session.terminal.print();
    for (const document of details.contents) printDocument(session.terminal, document);
    return Exit.done;
  });
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

function printBatches(terminal: Terminal, batches: readonly BatchView[]): void {
  if (batches.length === 0) terminal.print('no batches');
  else
    terminal.table(
      batches.map((batch) => [batch.id, batch.root, batch.path, stateOf(terminal, batch), documentsOf(batch)]),
      ['ID', 'ROOT', 'PATH', 'STATE', 'DOCUMENTS'],
    );
  for (const { id, waiting, error } of batches) {
    const reason = waiting ?? error;
    if (reason === undefined) continue;
    terminal.print(`${id}: ${reason.code} ${reason.message}`);
    if (reason.hint !== undefined) terminal.print(`  ${terminal.style('cyan', 'hint')}: ${reason.hint}`);
  }
}

function stateOf(terminal: Terminal, { state, waiting, failed }: BatchView): string {
  if (waiting !== undefined) return terminal.style('yellow', `${state}, waits`);
  if (state === 'delivered') return terminal.style(failed > 0 ? 'yellow' : 'green', failed > 0 ? 'delivered in part' : state);
  return state === 'failed' ? terminal.style('red', state) : state;
}

function documentsOf({ documents, failed }: BatchView): string {
  return failed === 0 ? String(documents) : `${documents}, ${failed} failed`;
}

function printDocument(terminal: Terminal, document: DocumentView): void {
  const mark =
    document.state === 'failed' ? terminal.style('red', '✗') : document.state === 'verified' ? terminal.style('green', '✓') : '·';
  const signed = document.key === undefined ? '' : `  ${document.format ?? ''} ${document.level ?? ''} by ${document.key}`;
  terminal.print(`${mark} ${document.path}${signed}`);
  if (document.error !== undefined)
    terminal.print(
      `    ${document.error.code} ${document.error.message}${document.error.hint === undefined ? '' : ` (${document.error.hint})`}`,
    );
}
