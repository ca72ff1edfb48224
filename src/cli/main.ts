import { Command, CommanderError } from 'commander';
import { asSealError } from '../errors.ts';
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

/** Runs one command line. @returns the exit status */
async function main(argv: readonly string[]): Promise<number> {
  let exit: number = Exit.done;
  const program = new Command('sealtree')
    .description('Signs documents in bulk and keeps the proof for decades.')
    .version(packageVersion)
    .exitOverride()
    .configureHelp({ sortSubcommands: false })
    .showSuggestionAfterError(true);
  for (const add of commands) {
    add(program, (status) => {
      exit = status;
    });
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? Exit.done : Exit.usage;
    const error = asSealError(thrown);
    const terminal = new Terminal({ json: argv.includes('--json'), quiet: argv.includes('--quiet') });
    terminal.result({ error });
    terminal.error(error);
    if (error.code === 'SEAL-INTERNAL')
      process.stderr.write(`${(error.cause instanceof Error ? error.cause.stack : error.stack) ?? ''}
`);
    return exitOf(error);
  }
}

process.exitCode = await main(process.argv.slice(2));
