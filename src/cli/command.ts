import { InvalidArgumentError, Option, type Command } from 'commander';
import { Session, type GlobalOptions } from './session.ts';

export type { GlobalOptions } from './session.ts';

export type SetExit = (status: number) => void;

/** The options that every command has; they may also stand before its name. */
export function commonOptions(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'configuration (default: ./roots.yaml, then /etc/sealtree/roots.yaml)'))
    .addOption(new Option('--json', 'result as JSON on stdout, messages on stderr'))
    .addOption(new Option('-q, --quiet', 'no messages beside the result'));
}

/** Gives a command the common options, and its action with a session that is closed when it has ended. */
export function action<Options extends GlobalOptions = GlobalOptions>(
  command: Command,
  setExit: SetExit,
  run: (session: Session, args: readonly string[], options: Options) => Promise<number>,
): Command {
  return commonOptions(command).action(async () => {
    const options: Options = command.optsWithGlobals();
    const session = new Session(options);
    try {
      setExit(await run(session, command.args, options));
    } finally {
      await session.close();
    }
  });
}

/** For options that are numbers. @throws InvalidArgumentError (commander makes SEAL-USAGE of it) */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

/** For options that are local dates. */
export function date(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time) && new Date(time).toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError('A date is written 2026-11-22.');
}
