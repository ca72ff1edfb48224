import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { softHsm } from './softhsm.ts';
import type { SoftHsm } from './softhsm.ts';

/** SoftHSM tokens behind a module with the faults of real cards (test/p11-shim/README.md). */
export interface FaultyCards extends SoftHsm {
  /** Replaces all settings: `delay_ms=300`, `card1.removed=1` … one a line. Seen at once by every process. */
  set(...settings: string[]): void;
  /** Signatures that cards have begun so far: only grows. */
  begun(): number;
}

const source = new URL('../p11-shim/p11shim.c', import.meta.url).pathname;
const cache = new URL('../../node_modules/.cache/sealtree-p11-shim/', import.meta.url).pathname;

/** @param cleanup called with what removes it. Needs `gcc`, `softhsm` and `softhsm-dev`. */
export function faultyCards(cleanup: (remove: () => void) => void): FaultyCards {
  const hsm = softHsm(cleanup);
  const control = join(hsm.directory, 'shim.ctl');
  let version = 0;
  const set = (...settings: string[]): void => {
    // Another size each time, whatever the clock's resolution: the shim reads again when size or time change.
    writeFileSync(`${control}.new`, `${settings.join('\n')}\n${'#'.repeat(++version)}\n`);
    renameSync(`${control}.new`, control);
  };
  set();
  const environment = { ...hsm.environment, P11SHIM_CTL: control, P11SHIM_MODULE: hsm.module };
  const module = buildShim();
  return {
    ...hsm,
    module,
    environment,
    set,
    begun: () => statSync(`${control}.begun`, { throwIfNoEntry: false })?.size ?? 0,
    config: (token, changes) => ({ ...hsm.config(token, changes), module, environment, ...changes }),
  };
}

/** The module, compiled once on this machine. @throws Error without a compiler or SoftHSM's headers */
export function buildShim(): string {
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex');
  const library = join(cache, `p11shim-${digest.slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  mkdirSync(cache, { recursive: true });
  const temporary = `${library}.${process.pid}`;
  const flags = ['-O2', '-g', '-std=gnu11', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden', '-I/usr/include/softhsm'];
  execFileSync('gcc', [...flags, '-o', temporary, source, '-ldl', '-lpthread'], { stdio: ['ignore', 'ignore', 'pipe'] });
  renameSync(temporary, library);
  return library;
}
