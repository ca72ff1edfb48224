import { resolve } from 'node:path';
import type { Command } from 'commander';
import { initialize } from '../../compose/evaluation.ts';
import { action, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

/** `init [DIR]` */
export function initCommand(program: Command, setExit: SetExit): void {
  action(
    program.command('init [dir]').description('a configuration that is ready to run, with an evaluation CA and TSA; overwrites nothing'),
    setExit,
    async (session, [dir = '.']) => {
      const result = await initialize(dir);
      const { terminal } = session;
      terminal.result(result);
      const top = `${resolve(dir)}/`;
      for (const path of folded(result.created, result.kept, top)) terminal.print(`${terminal.style('green', 'created')} ${path}`);
      for (const path of folded(result.kept, result.created, top)) terminal.print(`${terminal.style('yellow', 'kept')}    ${path}`);
      terminal.print();
      terminal.print('For evaluation only: its certificates and timestamps prove nothing to others. Next:');
      for (const command of result.commands) terminal.print(`  ${command}`);
      return Exit.done;
    },
  );
}

/** A directory below `top` stands for all in it, unless some of that is among the `others`. */
function folded(paths: readonly string[], others: readonly string[], top: string): string[] {
  const entry = (path: string): string => `${top}${path.slice(top.length).replace(/\/.*$/s, '/')}`;
  const mixed = new Set(others.map(entry));
  return [...new Set(paths.filter((path) => path !== top).map((path) => (mixed.has(entry(path)) ? path : entry(path))))];
}
