import type { Command } from 'commander';
import type { RootStatus, StatusReport } from '../../app/status.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import type { Terminal } from '../terminal.ts';

/** `status [--probe]`: exit 0 when nothing needs a person, 75 otherwise with --probe. */
export function statusCommand(program: Command, setExit: SetExit): void {
  action<GlobalOptions & { probe?: boolean }>(
    program
      .command('status')
      .description('roots, batches, keys, tree, timestamps, disk: what is due and what it waits for')
      .option('--probe', 'for monitoring: exit 75 when a person is needed'),
    setExit,
    async (session, _, { probe }) => {
      const status = await session.call('status', {});
      session.terminal.result(status);
      print(session.terminal, status);
      return probe === true && status.attention.length > 0 ? Exit.notYet : Exit.done;
    },
  );
}

function print(terminal: Terminal, status: StatusReport): void {
  const { daemon, archive } = status;
  terminal.print(
    `${terminal.style('bold', `Sealtree ${status.version}`)}${status.evaluation ? terminal.style('yellow', '  EVALUATION') : ''}  ${daemon === undefined ? 'no daemon runs' : `daemon ${daemon.pid} since ${daemon.since}`}`,
  );
  terminal.print();
  for (const root of status.roots) printRoot(terminal, root);
  for (const key of status.keys)
    terminal.print(
      `key  ${key.name}  ${key.state === 'ready' ? terminal.style('green', key.state) : terminal.style('yellow', key.state)}${key.reason === undefined ? '' : `  ${key.reason}`}`,
    );
  for (const { name, used, quota } of status.tsas)
    terminal.print(`tsa  ${name}  ${used} timestamps${quota === undefined ? '' : ` of ${quota}`}`);
  if (archive.open !== undefined) terminal.print(`tree ${archive.open.id}  open, ${archive.open.leaves} leaves`);
  for (const tree of archive.sealed)
    terminal.print(`tree ${tree.id}  ${terminal.style('yellow', 'sealed, not anchored')}  since ${tree.since}`);
  if (archive.lastAnchored !== undefined) terminal.print(`tree ${archive.lastAnchored.id}  anchored ${archive.lastAnchored.at}`);
  terminal.print(`next closing ${archive.nextClosing}`);
  for (const disk of status.disks)
    terminal.print(
      `disk ${disk.path}  ${gib(disk.freeBytes)} of ${gib(disk.totalBytes)} free${disk.fullInDays === undefined ? '' : `, full in ${disk.fullInDays} days`}`,
    );
  if (status.attention.length > 0) terminal.print();
  for (const line of status.attention) terminal.print(`${terminal.style('yellow', '!')} ${line}`);
}

function printRoot(terminal: Terminal, root: RootStatus): void {
  terminal.print(
    `root ${terminal.style('bold', root.name)}  ${root.path}  ${root.running} running, ${root.waiting} waiting${root.paused === undefined ? '' : terminal.style('yellow', `  paused: ${root.paused}`)}`,
  );
  for (const line of root.settling) terminal.print(`     … ${line}`);
  for (const line of root.nearMisses) terminal.print(`     ${terminal.style('yellow', '?')} ${line}`);
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
