import { resolve } from 'node:path';
import type { Command } from 'commander';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';

interface SignOptions extends GlobalOptions {
  readonly profile: string;
  readonly out: string;
  readonly key?: string[];
}

/** `sign FILE... --profile P --out DIR` */
export function signCommand(program: Command, setExit: SetExit): void {
  action<SignOptions>(
    program
      .command('sign <files...>')
      .description('sign, verify and archive single files')
      .requiredOption('--profile <name>', 'how to sign: a profile of the configuration')
      .requiredOption('--out <dir>', 'where the signed files go; nothing is overwritten')
      .option('--key <name...>', 'keys or pools; default: any that serves all roots'),
    setExit,
    async (session, files, { profile, out, key }) => {
      const { terminal } = session;
      const result = await session.call('sign', {
        files: files.map((file) => resolve(file)),
        profile,
        out: resolve(out),
        ...(key === undefined ? {} : { keys: key }),
      });
      terminal.result(result);
      for (const one of result.files) {
        if (one.error === undefined)
          terminal.print(
            `${terminal.style('green', '✓')} ${one.file} → ${one.output ?? ''}  ${one.format ?? ''} ${one.level ?? ''} by ${one.key ?? ''}${result.evaluation ? '  EVALUATION' : ''}`,
          );
        else
          terminal.print(
            `${terminal.style('red', '✗')} ${one.file}: ${one.error.code} ${one.error.message}${one.error.hint === undefined ? '' : ` (${one.error.hint})`}`,
          );
      }
      const bad = result.files.filter((one) => one.error !== undefined).length;
      if (bad === 0) return Exit.done;
      return bad < result.files.length ? Exit.inPart : 65;
    },
  );
}
