import { anyNameMatcher, nameMatcher, type NameMatcher } from '../formats/globs.ts';
import { baseName } from '../formats/names.ts';
import { reservedName } from '../formats/places.ts';
import type { RootConfig } from '../model/config.ts';

const reserved = Buffer.from(reservedName);

/** What a file inside a batch is. Nested semaphores are semaphores too: they belong to the outer batch and are not signed. */
export type EntryRole = 'semaphore' | 'ignored' | 'document';

export interface Rules {
  /** Whether a directory directly in incoming can hold batches at all. */
  readonly reserved: (name: Buffer) => boolean;
  readonly semaphore: NameMatcher;
  /** Role of a file by its path below the batch; what kind of file it is decides later. */
  readonly role: (relPath: Buffer) => EntryRole;
}

/** Pure: the rules of one root about names. */
export function rulesOf(root: { readonly approval: Pick<RootConfig['approval'], 'name'>; readonly ignore: readonly string[] }): Rules {
  const semaphore = nameMatcher(root.approval.name);
  const ignored = anyNameMatcher(root.ignore);
  return {
    reserved: (name) => name.equals(reserved),
    semaphore,
    role: (relPath) => {
      const name = baseName(relPath);
      return semaphore(name) ? 'semaphore' : ignored(name) ? 'ignored' : 'document';
    },
  };
}

/** Whether `inner` lies below `outer`; both relative paths. The empty path holds everything. */
export function liesBelow(inner: Buffer, outer: Buffer): boolean {
  if (outer.length === 0) return inner.length > 0;
  return inner.length > outer.length && inner[outer.length] === 0x2f && inner.subarray(0, outer.length).equals(outer);
}
