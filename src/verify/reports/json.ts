import type { FileReport } from '../../model/verification.ts';

/** `verify --json`: one array with an object per file, two spaces of indentation, a line feed at the end. Field names are stable. */
export function jsonReport(reports: readonly FileReport[]): string {
  return `${JSON.stringify(reports, null, 2)}\n`;
}
