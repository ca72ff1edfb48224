import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { SealError, type ErrorCode } from '../../src/errors.ts';
import { displayName } from '../../src/formats/names.ts';
import type { Files, Path } from '../../src/ports/files.ts';

/** A directory of its own that is gone when the test ends. */
export function temporaryDirectory(t: TestContext, below = tmpdir()): string {
  const directory = mkdtempSync(join(below, 'sealtree-test-'));
  t.after(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A file system of its own with little room; undefined where mounting is not permitted. */
export function smallFileSystem(t: TestContext, size: string): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'sealtree-test', directory]).status === 0;
  t.after(() => {
    if (mounted) spawnSync('umount', ['--lazy', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return mounted ? directory : undefined;
}

export interface FileCall {
  readonly method: keyof Files;
  readonly path: Path;
  /** How often this method has been called, from 1. */
  readonly nth: number;
  /** How many calls that change something there were, from 1; 0 for one that does not. */
  readonly change: number;
}

/** Called before and after every call of the port; what it throws is what the caller gets. */
export type Gate = (call: FileCall, when: 'before' | 'after') => void;

const changing: ReadonlySet<keyof Files> = new Set([
  'copyHashed',
  'assemble',
  'copyLink',
  'create',
  'writeDurable',
  'claimDurable',
  'makeDirectory',
  'rename',
  'remove',
  'syncTree',
  'syncDirectory',
]);

/** Files behind a gate; `idle` resolves when no call is under way. */
export function gated(files: Files, gate: Gate): Files & { idle(): Promise<void> } {
  const counts = new Map<keyof Files, number>();
  const running = new Set<Promise<unknown>>();
  let changes = 0;
  const enter = (method: keyof Files, path: Path): FileCall => {
    const nth = (counts.get(method) ?? 0) + 1;
    counts.set(method, nth);
    const call = { method, path, nth, change: changing.has(method) ? ++changes : 0 };
    gate(call, 'before');
    return call;
  };
  const through = async <T>(method: keyof Files, path: Path, work: () => Promise<T>): Promise<T> => {
    const call = enter(method, path);
    const promise = work();
    running.add(promise);
    try {
      const value = await promise;
      gate(call, 'after');
      return value;
    } finally {
      running.delete(promise);
    }
  };
  return {
    stat: (path) => through('stat', path, () => files.stat(path)),
    async *list(path) {
      const call = enter('list', path);
      yield* files.list(path);
      gate(call, 'after');
    },
    read: (path, max) => through('read', path, () => files.read(path, max)),
    readAt: (path, offset, length) => through('readAt', path, () => files.readAt(path, offset, length)),
    copyHashed: (source, target, ...rest) => through('copyHashed', source, () => files.copyHashed(source, target, ...rest)),
    assemble: (target, ...rest) => through('assemble', target, () => files.assemble(target, ...rest)),
    create: (target, ...rest) => through('create', target, () => files.create(target, ...rest)),
    copyLink: (source, target) => through('copyLink', target, () => files.copyLink(source, target)),
    digest: (path, ...rest) => through('digest', path, () => files.digest(path, ...rest)),
    writeDurable: (path, ...rest) => through('writeDurable', path, () => files.writeDurable(path, ...rest)),
    claimDurable: (path, ...rest) => through('claimDurable', path, () => files.claimDurable(path, ...rest)),
    makeDirectory: (path, mode) => through('makeDirectory', path, () => files.makeDirectory(path, mode)),
    spread: (path) => through('spread', path, () => files.spread(path)),
    rename: (from, to) => through('rename', from, () => files.rename(from, to)),
    syncTree: (path) => through('syncTree', path, () => files.syncTree(path)),
    syncDirectory: (path) => through('syncDirectory', path, () => files.syncDirectory(path)),
    remove: (path) => through('remove', path, () => files.remove(path)),
    space: (path) => through('space', path, () => files.space(path)),
    async idle() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'SEAL-DISK-FULL',
  EDQUOT: 'SEAL-DISK-FULL',
  EROFS: 'SEAL-DISK-READONLY',
  ENOENT: 'SEAL-INPUT-MISSING',
};

/** The error that the real adapter gives for this errno. */
export function fileError(errno: string, path: Path): SealError {
  const cause = Object.assign(new Error(`${errno}: injected`), { code: errno });
  return new SealError(codes[errno] ?? 'SEAL-DISK-IO', `injected: ${errno}`, { where: displayName(path), hint: 'a test did this', cause });
}

/** The n-th call of a method fails with this errno, before it does anything. */
export function failing(
  files: Files,
  ...faults: readonly { readonly method: keyof Files; readonly nth: number; readonly errno: string }[]
): ReturnType<typeof gated> {
  return gated(files, (call, when) => {
    if (when === 'after') return;
    const fault = faults.find(({ method, nth }) => method === call.method && nth === call.nth);
    if (fault) throw fileError(fault.errno, call.path);
  });
}

/** What the code under test gets when its process has been killed. */
export class Killed extends Error {}

/**
 * A process that dies at its n-th change of the file system: before it, or after it but before the caller hears of it. Every later call fails
 * too. `changes` counts on, so that a test can walk n up to the last one.
 */
export function killedAt(
  files: Files,
  nth: number,
  when: 'before' | 'after',
): ReturnType<typeof gated> & { readonly dead: () => boolean; readonly changes: () => number } {
  let dead = false;
  let changes = 0;
  const wrapped = gated(files, (call, moment) => {
    changes = Math.max(changes, call.change);
    if (call.change === nth && moment === when) dead = true;
    if (dead) throw new Killed(`killed ${when} change ${nth}`);
  });
  return { ...wrapped, dead: () => dead, changes: () => changes };
}
