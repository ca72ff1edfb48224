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
