import type { Command } from 'commander';
import { stackDigest, stackText, type StackView } from '../../app/key-stack.ts';
import type { KeyView } from '../../app/keys.ts';
import type { ActivateArgs } from '../../app/key-activation.ts';
import { writeCommandFile } from '../../compose.ts';
import { SealError } from '../../errors.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { Exit } from '../exit.ts';
import { askPin } from './pin.ts';
import type { Session } from '../session.ts';
import { printKeys } from '../show/keys.ts';
import { stackLines } from '../show/stack.ts';

interface ActivateOptions extends GlobalOptions {
  readonly pinFile?: string;
  /** True: every batch that waits for the key. */
  readonly stack?: true | readonly string[];
  readonly seen?: string;
  readonly list?: string;
}

const list = ['--list <file>', 'write the whole list to a new file, as sha256sum writes it'] as const;

/** `key stack|activate` */
export function activationCommands(key: Command, setExit: SetExit): void {
  action<GlobalOptions & { list?: string }>(
    key
      .command('stack <name> [batch...]')
      .description('the documents that the next PIN of a key with “activation: stack” would permit; without batches: all that wait')
      .option(...list),
    setExit,
    async (session, [name = '', ...batches], options) => {
      const view = await session.call('key.stack', { name, batches });
      const { terminal } = session;
      writeList(options.list, view);
      terminal.result(view);
      for (const line of stackLines(view)) terminal.print(line);
      return Exit.done;
    },
  );
  action<ActivateOptions>(
    key
      .command('activate <name>')
      .description('enter the PIN of a card, here or on the pad of its reader')
      .option('--pin-file <file>', 'read the PIN from a private file, or - for standard input')
      .option('--stack [batch...]', '“activation: stack”: the batches whose documents the PIN permits (default: all that wait)')
      .option('--seen <sha256>', 'only if the list is the one that “key stack” has shown: its SHA-256')
      .option(...list),
    setExit,
    async (session, [name = ''], options) => {
      const key = demandKey(await session.call('key.list', {}), name);
      const shown: Pick<ActivateArgs, 'document' | 'stack'> =
        key.stack === true ? await showStack(session, name, options) : showDocument(session, name, key.waiting, options);
      const pin = askPin(session.terminal, key, options.pinFile);
      if (pin?.length === 0) throw new SealError('SEAL-USAGE', 'no PIN was entered', { hint: 'nothing was tried; repeat the command' });
      const view = await session.call('key.activate', { name, ...shown, ...(pin === undefined ? { atReader: true } : {}) }, pin);
      session.terminal.result(view);
      printKeys(session.terminal, [view]);
      // The document that was shown is signed then; that the next one may wait already is another matter.
      return shown.document !== undefined || view.state === 'ready' || finished(view) ? Exit.done : Exit.notYet;
    },
  );
}

/** A short list may be signed by now. */
function finished({ stack, state }: KeyView): boolean {
  return stack === true && state === 'pin-needed';
}

/** The list that the PIN will permit: what was shown is what is signed. @throws SealError SEAL-USAGE when nothing would be shown */
async function showStack(
  session: Session,
  name: string,
  { stack, seen, list: file }: ActivateOptions,
): Promise<Pick<ActivateArgs, 'stack'>> {
  const { terminal } = session;
  if (terminal.quiet && seen === undefined)
    throw new SealError('SEAL-USAGE', 'with --quiet nobody would see what the PIN permits', {
      hint: 'leave --quiet out, or name the list with --seen',
    });
  const batches = stack === undefined || stack === true ? [] : stack;
  const view = await session.call('key.stack', { name, batches });
  writeList(file, view);
  for (const line of stackLines(view)) terminal.note(line);
  return { stack: { batches, sha256: seen ?? stackDigest(view.list) } };
}

function showDocument(
  { terminal }: Session,
  name: string,
  document: KeyView['waiting'],
  { stack, seen }: ActivateOptions,
): Pick<ActivateArgs, 'document'> {
  if (stack !== undefined || seen !== undefined)
    throw new SealError('SEAL-USAGE', `${name} has no “activation: stack”: its PIN permits no list of documents`, {
      hint: 'leave --stack and --seen out, or set it in the configuration of the key',
    });
  if (document === undefined) return {};
  terminal.note(`${name} is to sign this document:`);
  terminal.note(`  ${document.document}`);
  terminal.note(`  SHA-256 ${document.sha256}`);
  return { document: document.sha256 };
}

function writeList(file: string | undefined, view: StackView): void {
  if (file !== undefined) writeCommandFile(file, stackText(view.list));
}

/** The key whose PIN a person is about to enter. @throws SealError SEAL-KEY-UNKNOWN, SEAL-USAGE, or why the card takes none now */
function demandKey(keys: readonly KeyView[], name: string): KeyView {
  const key = keys.find((view) => view.name === name);
  if (key === undefined)
    throw new SealError('SEAL-KEY-UNKNOWN', `no key is called “${name}”`, { hint: '“sealtree key list” shows the keys' });
  if (key.source === 'pkcs12')
    throw new SealError('SEAL-USAGE', `${name} has no PIN: it is a key file, opened with its passphrase`, {
      hint: '“passphrase:” of the key tells where it is; restart the daemon when it was changed',
    });
  if (key.individual === true && key.waiting === undefined)
    throw new SealError('SEAL-USAGE', `${name} asks its PIN for each document, and no document waits`, {
      hint: '“sealtree status” tells when one does',
    });
  if ((key.state === 'pin-locked' || key.state === 'absent') && key.error !== undefined) throw SealError.from(key.error);
  return key;
}
