import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openScConf } from '../../src/signer/keys/pkcs11/opensc.ts';
import type { PcscStack } from './pcsc.ts';

/** A pad on the readers of a virtual card, as OpenSC sees it (test/vcard/pinpad.c). */
export interface PinPad {
  /** For the card's processes. */
  readonly environment: Readonly<Record<string, string>>;
  /** What was done at the pad so far: `entered` or `cancelled` each time it asked. */
  entries(): string[];
  /** What the person types from now on, one after the other, the last one for ever; `cancelled`: the red button. */
  types(...entries: string[]): void;
}

const source = new URL('../vcard/pinpad.c', import.meta.url).pathname;
const cache = new URL('../../node_modules/.cache/sealtree-pin-pad/', import.meta.url).pathname;
/** A link name comes with the development package alone. */
const pcscLite = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].map(
  (at) => `${at}/libpcsclite.so.1`,
);

/** Nothing is typed until `types` is called: each entry is cancelled. Needs `gcc` and `pcsc`. */
export function pinPad(stack: PcscStack): PinPad {
  const typed = join(stack.directory, 'pin-pad.typed');
  const log = join(stack.directory, 'pin-pad.log');
  const conf = join(stack.directory, 'opensc-pad.conf');
  const before = openScConf([]).replace('app default {', `app default {\n  reader_driver pcsc {\n    provider_library = ${build()};\n  }`);
  writeFileSync(conf, before);
  return {
    environment: { ...stack.environment, OPENSC_CONF: conf, PINPAD_TYPES: typed, PINPAD_LOG: log },
    entries: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
    types: (...entries) => {
      writeFileSync(typed, entries.map((entry) => `${entry === 'cancelled' ? '-' : entry}\n`).join(''));
    },
  };
}

/** The library, compiled once on this machine. */
function build(): string {
  const library = join(cache, 'pinpad.so');
  if (existsSync(library) && statSync(library).mtimeMs > statSync(source).mtimeMs) return library;
  mkdirSync(cache, { recursive: true });
  const temporary = `${library}.${process.pid}`;
  const real = pcscLite.find((path) => existsSync(path)) ?? '-lpcsclite';
  const flags = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-fPIC', '-shared', '-Wl,--no-as-needed'];
  execFileSync('gcc', [...flags, '-o', temporary, source, real, '-ldl'], { stdio: ['ignore', 'ignore', 'pipe'] });
  renameSync(temporary, library);
  return library;
}
