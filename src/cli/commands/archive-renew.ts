import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { counted } from '../terminal.ts';
import type { Session } from '../session.ts';
import type { Operations } from '../../app/operation-types.ts';

type Rehash = NonNullable<Operations['archive.renew']['result']['rehash']>;

interface RenewOptions extends GlobalOptions {
  readonly timestamps?: boolean;
  readonly rehash?: 'sha256' | 'sha384' | 'sha512';
  readonly documents?: readonly string[];
  readonly dryRun?: boolean;
}

/** `archive due|renew` */
export function renewalCommands(archive: Command, setExit: SetExit): void {
  action(archive.command('due').description('what must be renewed by when, and how'), setExit, due);
  action<RenewOptions>(
    archive
      .command('renew')
      .description('renew the proof of everything that was archived so far')
      .option('--timestamps', 'one new timestamp for each digest in use; needs no documents')
      .addOption(new Option('--rehash <digest>', 'a new hash algorithm: documents are read again').choices(['sha256', 'sha384', 'sha512']))
      .option('--documents <dir>', 'where documents and signatures lie, found by hash whatever their names; repeat for more', collect, [])
      .option('--dry-run', 'say what would be done'),
    setExit,
    renew,
  );
}

async function due(session: Session): Promise<number> {
  const { terminal } = session;
  const report = await session.call('archive.due', {});
  terminal.result(report);
  for (const { kind, state, ends, from, reason, chains, first, last, digest, command } of report.endings) {
    const mark =
      state === 'later' ? terminal.style('green', '✓') : state === 'due' ? terminal.style('yellow', '!') : terminal.style('red', '✗');
    const trees = first === last ? first : `${counted(chains, 'tree')}, ${first} to ${last}`;
    terminal.print(
      `${mark} ${kind === 'timestamps' ? 'timestamps' : 'hash trees'} (${digest}): prove until ${ends}, renew from ${from.slice(0, 10)} on`,
    );
    terminal.print(`    ${trees}: ${reason}`);
    if (state !== 'later') terminal.print(`    ${command}`);
  }
  for (const { renewal, since } of report.pending)
    terminal.print(`${terminal.style('yellow', '!')} ${renewal} waits for its timestamp since ${since}`);
  if (report.endings.length === 0) terminal.print('nothing is archived yet: nothing to renew');
  return Exit.done;
}

async function renew(
  session: Session,
  _: readonly string[],
  { timestamps = false, rehash, documents = [], dryRun = false }: RenewOptions,
): Promise<number> {
  const { terminal } = session;
  const result = await session.call('archive.renew', {
    timestamps,
    dryRun,
    documents: documents.map((directory) => resolve(directory)),
    ...(rehash === undefined ? {} : { rehash }),
  });
  terminal.result(result);
  for (const { renewal, kind, digest, record, leaves, state, tsa, genTime, error } of result.renewals) {
    const mark = state === 'sealed' ? terminal.style('yellow', '!') : terminal.style('green', '✓');
    const what = kind === 'timestamps' ? counted(leaves, 'chain') : counted(leaves, 'leaf', 'leaves');
    const second = record === 1 ? '' : `, record ${record}`;
    terminal.print(
      state === 'planned'
        ? `${mark} one ${digest} timestamp would renew ${what}${second}`
        : `${mark} ${renewal}: ${what}, ${digest}${second}, ${state}${genTime === undefined ? '' : ` ${genTime} by ${tsa ?? ''}`}`,
    );
    if (error !== undefined) terminal.printError(error, '    ');
  }
  if (result.rehash !== undefined) printRehash(session, result.rehash, result.dryRun);
  else if (result.renewals.length === 0) terminal.print('nothing to renew');
  if (result.waiting.length > 0)
    terminal.print(
      `${counted(result.waiting.length, 'tree')} left for the next renewal: the newest timestamp waits for its revocation data`,
    );
  if (result.renewals.some(({ state }) => state === 'sealed')) return Exit.notYet;
  return (result.rehash?.incomplete ?? 0) > 0 ? Exit.inPart : Exit.done;
}

function printRehash({ terminal }: Session, { files, leaves, incomplete, missing, unreadable, waiting }: Rehash, dryRun: boolean): void {
  const what = `${counted(files, 'file')} read, ${counted(leaves, 'leaf', 'leaves')} ${dryRun ? 'can be hashed anew' : 'hashed anew'}`;
  terminal.print(incomplete === 0 ? what : `${what}, ${incomplete} left with their old chain`);
  for (const { state, path, batch, tree, index, kind, file, provesUntil } of missing) {
    const name = path === undefined ? `${kind} ${index} of ${tree}` : `${path}${batch === undefined ? '' : ` of batch ${batch}`}`;
    const until = provesUntil === undefined ? '' : `; stops proving on ${provesUntil.slice(0, 10)} unless its timestamps are renewed`;
    terminal.print(`${terminal.style('yellow', '!')} ${state}: ${name}${file === undefined ? '' : ` (${file})`}${until}`);
  }
  for (const { file, error } of unreadable) terminal.printError(error, `${terminal.style('yellow', '!')} ${file}: `);
  if (waiting.length > 0)
    terminal.print(`${counted(waiting.length, 'tree')} left for the next time: the newest timestamp waits for its revocation data`);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
