import { asSealError } from '../errors.ts';

/** What reading the archive back has found. */
export interface CheckFinding {
  /** `damage`: what was written is not what is there, or proves something else. `notice`: true, but somebody should know. */
  readonly severity: 'damage' | 'notice';
  /** Name of a tree, `audit`, or a batch. */
  readonly where: string;
  readonly what: string;
}

export function damage(where: string, what: string): CheckFinding {
  return { severity: 'damage', where, what };
}

export function notice(where: string, what: string): CheckFinding {
  return { severity: 'notice', where, what };
}

/** Rows that are missing or malformed below a tree are damage, not the end of the check. @throws whatever else `check` throws */
export async function orDamage(where: string, check: () => Promise<CheckFinding[]>): Promise<CheckFinding[]> {
  try {
    return await check();
  } catch (thrown) {
    const { code, message } = asSealError(thrown);
    if (code === 'SEAL-STORE-CORRUPT' || code === 'SEAL-INTERNAL') return [damage(where, message)];
    throw thrown;
  }
}
