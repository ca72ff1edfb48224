import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../model/config.ts';

/** What a running daemon takes over from a changed file. */
export type Reloadable = Pick<Config, 'log'>;

const applied: readonly (keyof Config)[] = ['log'];

/** Sections of the configuration that differ: those that are applied at once, and those that need a restart (`roots.letters`, `keys.card` …). */
export function changedSections(
  before: Config,
  after: Config,
): { readonly applied: readonly string[]; readonly needRestart: readonly string[] } {
  const sections = (Object.keys({ ...before, ...after }) as (keyof Config)[]).filter(
    (section) => !isDeepStrictEqual(before[section], after[section]),
  );
  return {
    applied: sections.filter((section) => applied.includes(section)),
    needRestart: sections
      .filter((section) => !applied.includes(section))
      .flatMap((section) => namesOf(section, before[section], after[section])),
  };
}

function namesOf(section: string, before: unknown, after: unknown): string[] {
  if (!isMapping(before) || !isMapping(after)) return [section];
  return Object.keys({ ...before, ...after })
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => `${section}.${name}`);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
