import type { SignerProblem } from '../formats/cms-verify.ts';
import type { PdfSignature } from '../formats/pdf/signatures.ts';

/** Of a long list of changes as many are named. */
const named = 5;

export interface ChangeFindings {
  readonly problems: readonly SignerProblem[];
  readonly warnings: readonly string[];
}

/**
 * What appended revisions mean for the signature before them (ISO 32000-2 §12.8.2.2, EN 319 142-1 §5.6): further signatures, timestamps and
 * validation data are what a signed document is for, unless it forbids them (DocMDP 1); anything else is shown as signed and is not.
 */
export function judgeChanges({ changes, permittedChanges }: PdfSignature): ChangeFindings {
  if (changes === undefined) return { problems: [], warnings: [] };
  const problems: SignerProblem[] = [];
  const report = (message: string): void => {
    problems.push({ subIndication: 'SIG_CONSTRAINTS_FAILURE', message });
  };
  for (const { object, what } of changes.other.slice(0, named))
    report(`changed after it was signed: ${object === 0 ? '' : `object ${object}: `}${what}`);
  if (changes.other.length > named) report(`and ${changes.other.length - named} more changes after it was signed`);
  if (permittedChanges === 1 && changes.signatureFields.length > 0)
    report('the signature forbids further signatures (DocMDP 1), and there are some');
  const warnings = changes.visibleFields.map((name) => `the later signature field ${name} is visible and may cover what was signed`);
  return { problems, warnings };
}
