import { hash } from 'node:crypto';
import type { KeyEffects } from '../effects.ts';

/** Whether a module is OpenSC's: only that one reads OPENSC_CONF. */
export function isOpenSc(module: string): boolean {
  return /(?:^|\/)(?:onepin-)?opensc-pkcs11\.(?:so|dylib|dll)/.test(module);
}

/**
 * Configuration for a card process with OpenSC: no second copy of the PIN in its memory, and no other process may use the card that was unlocked
 * (both are the other way round by default, OpenSC 0.23).
 * @param ignoredReaders names (or parts) of readers this process must leave alone: OpenSC serialises all cards of one process
 */
export function openScConf(ignoredReaders: readonly string[]): string {
  const quoted = ignoredReaders.map((reader) => `"${reader.replace(/["\\]/g, '')}"`).join(', ');
  return [
    'app default {',
    ...(ignoredReaders.length === 0 ? [] : [`  ignored_readers = ${quoted};`]),
    '  framework pkcs15 {',
    '    use_pin_caching = false;',
    '  }',
    '}',
    'app opensc-pkcs11 {',
    '  pkcs11 {',
    '    lock_login = true;',
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Writes the configuration below `runDir`. @returns its path, for OPENSC_CONF */
export async function writeOpenScConf(fx: Pick<KeyEffects, 'files' | 'runDir'>, ignoredReaders: readonly string[]): Promise<string> {
  const text = openScConf(ignoredReaders);
  const path = `${fx.runDir}/opensc-${hash('sha256', text).slice(0, 16)}.conf`;
  await fx.files.makeDirectory(fx.runDir, 0o700);
  await fx.files.writeDurable(path, Buffer.from(text), 0o600);
  return path;
}
