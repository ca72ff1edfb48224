import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { FoundObject } from '../../app/archive-find.ts';
import { action, date, wholeNumber, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import type { Terminal } from '../terminal.ts';

interface FindOptions extends GlobalOptions {
  readonly digest?: readonly string[];
  readonly name?: string;
  readonly batch?: string;
  readonly from?: string;
  readonly to?: string;
  readonly key?: string;
  readonly certificate?: string;
  readonly limit: number;
  readonly after?: number;
}

/** `archive find` */
export function findCommand(archive: Command, setExit: SetExit): void {
  action<FindOptions>(
    archive
      .command('find [files-or-hashes...]')
      .description('is this in the archive, and since when? Or: which documents have this name, batch, date, key, certificate?')
      .option('--digest <alg:hex...>', 'objects with this digest, such as SHA256:HEX')
      .option('--name <glob>', 'documents of this name (* and ?); with / the path below their batch')
      .option('--batch <id>', 'documents of a batch')
      .option('--from <date>', 'of batches claimed on this day or later', date)
      .option('--to <date>', 'of batches claimed on this day or earlier', date)
      .option('--key <name>', 'signed with this key')
      .option('--certificate <sha256-or-file>', 'signed with this certificate: its SHA-256, or a file (PEM, DER)')
      .option('--limit <n>', 'documents of a page', wholeNumber(1, 10_000), 100)
      .option('--after <cursor>', 'the next page: behind the “cursor” of the last one', wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    setExit,
    async (session, given, { digest = [], name, batch, from, to, key, certificate, limit, after }) => {
      const { terminal } = session;
      const what = [...given.map((one) => (one.includes(':') ? one : resolve(one))), ...digest];
      const found = await session.call('archive.find', {
        what,
        limit,
        ...(name === undefined ? {} : { name }),
        ...(batch === undefined ? {} : { batch }),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(key === undefined ? {} : { key }),
        ...(certificate === undefined ? {} : { certificate: isFingerprint(certificate) ? certificate : resolve(certificate) }),
        ...(after === undefined ? {} : { after }),
      });
      terminal.result(found);
      for (const one of found) show(terminal, one, what.length > 1);
      const missing = what.filter((one) => found.every((object) => object.what !== one));
      if (found.length === 0) terminal.print('not in the archive');
      else for (const one of missing) terminal.print(`${one}: not in the archive`);
      const cursor = found.at(-1)?.cursor;
      if (cursor !== undefined && found.length === limit) terminal.hint(`there may be more: --after ${cursor}`, '  ');
      return found.length === 0 ? 65 : missing.length > 0 ? Exit.inPart : Exit.done;
    },
  );
}

function isFingerprint(text: string): boolean {
  return /^([0-9a-f]{2}:?){32}$/i.test(text);
}

function show(terminal: Terminal, one: FoundObject, named: boolean): void {
  const proven =
    one.genTime === undefined ? '' : ` since ${one.genTime}${one.provesUntil === undefined ? '' : ` until ${one.provesUntil}`}`;
  const where = [
    one.path,
    one.batch === undefined ? undefined : `batch ${one.batch}`,
    one.key === undefined ? undefined : `key ${one.key}`,
  ];
  const cells = [`${one.tree}/${one.index}`, one.kind, `${one.state}${proven}`, ...where.flatMap((cell) => cell ?? [])];
  terminal.print(`${named && one.what !== undefined ? `${one.what}: ` : ''}${cells.join('  ')}`);
}
