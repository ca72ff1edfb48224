import { Option, type Command } from 'commander';
import { Session, type GlobalOptions } from './session.ts';

export type { GlobalOptions } from './session.ts';

export type SetExit = (status: number) => void;

/** Adds a subcommand's options that every command has, and its action with a session that is closed when it has ended. */
export function action<Options extends GlobalOptions = GlobalOptions>(
  command: Command,
  setExit: SetExit,
  run: (session: Session, args: readonly string[], options: Options) => Promise<number>,
): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'configuration (default: ./roots.yaml, then /etc/sealtree/roots.yaml)'))
    .addOption(new Option('--json', 'result as JSON on stdout, messages on stderr'))
    .addOption(new Option('-q, --quiet', 'no messages beside the result'))
    .action(async () => {
      const options: Options = command.opts();
      const session = new Session(options);
      try {
        setExit(await run(session, command.args, options));
      } finally {
        await session.close();
      }
    });
}
