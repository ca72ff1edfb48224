import { readPin } from '../../compose.ts';
import type { KeyView } from '../../app/keys.ts';
import type { Terminal } from '../terminal.ts';

/**
 * The PIN of a token: without echo from the terminal, from `--pin-file`, or entered on the pad of the reader, where there is one.
 * @param key as `key list` shows it
 * @param prompt after the name of the key
 * @returns the PIN, empty when nobody entered one; undefined: the pad asks for it
 * @throws SealError SEAL-CONFIG-SECRET, SEAL-INTERRUPTED
 */
export function askPin(
  terminal: Terminal,
  { name, pinPad, reader = 'its reader' }: Pick<KeyView, 'name' | 'pinPad' | 'reader'>,
  pinFile: string | undefined,
  prompt = '',
): Buffer | undefined {
  if (pinPad !== true || pinFile !== undefined) return readPin(`PIN of ${name}${prompt}: `, pinFile);
  terminal.note(`enter the PIN of ${name} on the reader: ${reader}`);
  return undefined;
}
