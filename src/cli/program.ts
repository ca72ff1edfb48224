import { Command, CommanderError } from 'commander';
import { asSealError, errnoOf, SealError } from '../errors.ts';
import { archiveCommands } from './commands/archive.ts';
import { auditCommands } from './commands/audit.ts';
import { batchCommands } from './commands/batch.ts';
import { checkCommand } from './commands/check.ts';
import { initCommand } from './commands/init.ts';
import { keyCommands } from './commands/key.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { signCommand } from './commands/sign.ts';
import { statusCommand } from './commands/status.ts';
import { tsaCommand } from './commands/tsa.ts';
import { verifyCommand } from './commands/verify.ts';
import { commonOptions, type SetExit } from './command.ts';
import { addExamples } from './examples.ts';
import { Exit, exitOf } from './exit.ts';
import { Terminal } from './terminal.ts';
import { packageVersion } from '../compose.ts';

const commands = [
  initCommand,
  runCommand,
  statusCommand,
  checkCommand,
  signCommand,
  verifyCommand,
  batchCommands,
  archiveCommands,
  keyCommands,
  reportCommand,
  auditCommands,
  tsaCommand,
];

const exitStatuses = `
Exit status: 0 done, valid · 1 invalid, damage found · 2 not decidable · 3 done in part · 64 wrong usage · 65 bad input
  69 something needed is unavailable · 70 our fault · 75 not yet · 77 not permitted · 78 bad configuration · 130 interrupted`;

/** All commands. `setExit` is told the exit status of the one that ran. Parsing throws SEAL-USAGE; asked for help it throws CommanderError. */
export function createProgram(setExit: SetExit): Command {
  const program = commonOptions(new Command('sealtree'))
    .description('Signs documents in bulk and keeps the proof for decades.')
    .version(packageVersion)
    .configureHelp({ sortSubcommands: false })
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(true)
    .addHelpText('after', exitStatuses);
  for (const add of commands) add(program, setExit);
  addExamples(program, '');
  overrideExit(program, 'sealtree');
  return program;
}

/** Commander ends the process by itself and knows no codes; here a mistake on the command line is an error like any other. */
function overrideExit(command: Command, path: string): void {
  command.exitOverride((thrown) => {
    throw thrown.exitCode === 0 || thrown.code === 'commander.help' ? thrown : usageError(thrown, command, path);
  });
  for (const child of command.commands) overrideExit(child, `${path} ${child.name()}`);
}

function usageError({ code, message }: CommanderError, command: Command, path: string): SealError {
  const [what = '', suggestion] = message.replace(/^error: /, '').split('\n');
  const meant = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? '')?.[1];
  const hints = [
    ...(meant === undefined ? [] : [`did you mean ${meant}?`]),
    ...(meant === undefined && code === 'commander.unknownCommand' ? [`There are ${names(command)}.`] : []),
    `“${path} --help” shows how`,
  ];
  return new SealError('SEAL-USAGE', what.replace(/'([^']*)'/g, '“$1”').replace(/\.$/, ''), { hint: hints.join(' ') });
}

function names(command: Command): string {
  return command.commands.map((child) => child.name()).join(', ');
}

/** `sealtree no-such-command --help` is a mistake, not a wish for help. */
function demandCommand(program: Command, argv: readonly string[]): void {
  const name = argv.find((argument, at) => !argument.startsWith('-') && !['-c', '--config'].includes(argv[at - 1] ?? ''));
  if (name === undefined || name === 'help' || program.commands.some((command) => command.name() === name)) return;
  program.parse([name], { from: 'user' });
}

/** Runs one command line. @returns the exit status */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exit: number = Exit.done;
  const program = createProgram((status) => {
    exit = status;
  });
  try {
    demandCommand(program, argv);
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? Exit.done : Exit.usage;
    return report(thrown, argv);
  }
}

function report(thrown: unknown, argv: readonly string[]): number {
  const error = notPermitted(asSealError(thrown));
  const terminal = new Terminal({ json: argv.includes('--json'), quiet: argv.includes('--quiet') || argv.includes('-q') });
  terminal.result({ error });
  terminal.error(error);
  if (error.code === 'SEAL-INTERNAL') terminal.stack(error);
  return exitOf(error);
}

/** What fails for want of rights in this process is not the disk's fault. */
function notPermitted(error: SealError): SealError {
  const errno = errnoOf(error);
  if (error.code !== 'SEAL-DISK-IO' || (errno !== 'EACCES' && errno !== 'EPERM')) return error;
  return new SealError('SEAL-NOT-PERMITTED', error.message, {
    cause: error,
    hint: 'run the command as a user who may use this place, or change its rights',
    ...(error.where === undefined ? {} : { where: error.where }),
  });
}
