import type { SignerProblem } from '../formats/cms-verify.ts';
import type { FieldLock } from '../formats/pdf/permissions.ts';
import type { PdfSignature } from '../formats/pdf/signatures.ts';

/** Of a long list of changes as many are named. */
const named = 5;

export interface ChangeFindings {
  readonly problems: readonly SignerProblem[];
  readonly warnings: readonly string[];
}

/**
 * What appended revisions mean for the signature before them (ISO 32000-2 §12.8.2.2, §12.8.2.4, EN 319 142-1 §5.6): further signatures,
 * timestamps and validation data are what a signed document is for, and forms are for filling in, unless it forbids them (DocMDP, FieldMDP);
 * anything else is shown as signed and is not.
 */
export function judgeChanges({ changes, locks, permittedChanges }: PdfSignature): ChangeFindings {
  if (changes === undefined) return { problems: [], warnings: [] };
  const problems: SignerProblem[] = [];
  const report = (message: string): void => {
    problems.push({ subIndication: 'SIG_CONSTRAINTS_FAILURE', message });
  };
  for (const { object, what } of changes.other.slice(0, named))
    report(`changed after it was signed: ${object === 0 ? '' : `object ${object}: `}${what}`);
  if (changes.other.length > named) report(`and ${changes.other.length - named} more changes after it was signed`);
  const { filledFields, signatureFields, signedFields, visibleFields } = changes;
  if (permittedChanges === 1 && signatureFields.length > 0)
    report('the signature forbids further signatures (DocMDP 1), and there are some');
  if (permittedChanges === 1 && filledFields.length > 0) report('the signature forbids filling in forms (DocMDP 1), and it was done');
  if (permittedChanges !== undefined)
    for (const name of visibleFields.slice(0, named)) report(`the document is certified, and the later signature field ${name} is visible`);
  for (const name of [...signedFields, ...filledFields].filter((field) => locks.some((lock) => isLocked(lock, field))).slice(0, named))
    report(`the signature locks the field ${name} (FieldMDP), and it was filled in afterwards`);
  return {
    problems,
    warnings: [
      ...visibleFields.slice(0, named).map((name) => `the later signature field ${name} is visible and may cover what was signed`),
      ...filledFields.slice(0, named).map((name) => `the field ${name} was filled in after the signature`),
    ],
  };
}

/** ISO 32000-2 table 258; a field that is named stands for those below it. */
function isLocked({ action, fields }: FieldLock, name: string): boolean {
  const listed = fields.some((field) => name === field || name.startsWith(`${field}.`));
  return action === 'All' || (action === 'Include' ? listed : !listed);
}
