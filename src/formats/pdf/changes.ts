import { SealError } from '../../errors.ts';
import { Acceptance } from './acceptance.ts';
import { Stream, type IndirectObject } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import type { PdfDocument } from './document.ts';
import type { Location, Section } from './xref-entries.ts';

/** Objects that one revision of a document may change before nobody can tell any more what happened. */
const maxChanged = 200_000;

/** What was changed after a signature, by object numbers. */
export interface RevisionChanges {
  /** New or newly filled signature fields, their widgets, signature dictionaries and appearances. */
  readonly signatureFields: readonly number[];
  /** The same for document timestamps. */
  readonly documentTimestamps: readonly number[];
  /** Certificates, CRLs, OCSP responses for long-term validation (DSS, VRI). */
  readonly validationData: readonly number[];
  /** Document information and XMP metadata: nothing of it is shown on a page. */
  readonly metadata: readonly number[];
  /** Catalog, form and pages that only list the above; cross-reference and object streams; objects written again as they were. */
  readonly structure: readonly number[];
  /** Names of new signature fields that are visible: they may cover what was signed. */
  readonly visibleFields: readonly string[];
  /** Everything else: no signature allows it silently. Object 0 stands for the file as a whole. */
  readonly other: readonly { readonly object: number; readonly what: string }[];
}

/**
 * Compares the document as it was signed with the document as it is now. Hostile input: what cannot be explained as a further signature,
 * timestamp or validation data is named in `other`.
 * @param before the signed revision: the beginning of `after`
 */
export function compareRevisions(before: PdfDocument, after: PdfDocument): RevisionChanges {
  const acceptance = new Acceptance(before, after);
  const newer = newSections(before, after, acceptance);
  const changed = changedNumbers(newer, before, after);
  acceptance.judge(changed);
  for (const number of changed) if (!acceptance.kinds.has(number)) judgeAlone(number, newer, before, after, acceptance);
  const of = (kind: string): number[] => changed.filter((number) => acceptance.kinds.get(number) === kind);
  return {
    signatureFields: of('signature'),
    documentTimestamps: of('timestamp'),
    validationData: of('validation'),
    metadata: of('metadata'),
    structure: of('structure'),
    visibleFields: acceptance.visibleFields,
    other: [...acceptance.complaints].map(([object, what]) => ({ object, what })),
  };
}

/** The sections that came after the signed revision; the older ones have to be exactly those that were signed. */
function newSections(before: PdfDocument, after: PdfDocument, acceptance: Acceptance): Section[] {
  const old = before.xref.sections;
  const all = after.xref.sections;
  const newer = all.slice(0, Math.max(0, all.length - old.length));
  const kept = all.slice(newer.length);
  if (kept.length !== old.length || kept.some(({ offset }, at) => offset !== old[at]?.offset))
    acceptance.complain(0, 'the later revisions do not build on the signed one');
  if (newer.length === 0) acceptance.complain(0, 'bytes that belong to no revision follow the signed one');
  if (newer.some(({ offset }) => offset < before.source.size))
    acceptance.complain(0, 'a later revision uses a cross-reference from within the signed bytes');
  return newer;
}

function changedNumbers(newer: readonly Section[], before: PdfDocument, after: PdfDocument): number[] {
  const changed = new Set<number>();
  for (const section of newer)
    for (const { first, count } of section.runs)
      for (let number = first; number < first + count; number++) {
        if (same(before.xref.locate(number), after.xref.locate(number))) continue;
        if (changed.size >= maxChanged) throw beyondLimit(`a later revision changes more than ${maxChanged} objects`);
        changed.add(number);
      }
  return [...changed].sort((a, b) => a - b);
}

function same(one: Location | undefined, other: Location | undefined): boolean {
  const free: Location = { kind: 'free' };
  const [a, b] = [one ?? free, other ?? free];
  if (a.kind === 'plain') return b.kind === 'plain' && a.offset === b.offset && a.generation === b.generation;
  if (a.kind === 'packed') return b.kind === 'packed' && a.container === b.container && a.index === b.index;
  return b.kind === 'free';
}

/** An object that is no part of a further signature: bookkeeping, rewritten as it was, or a change. */
function judgeAlone(number: number, newer: readonly Section[], before: PdfDocument, after: PdfDocument, acceptance: Acceptance): void {
  try {
    const [old, now] = [before.current(number), after.current(number)];
    const bookkeeping = newer.some((section) => section.number === number) || typeOf(now) === 'ObjStm';
    if (bookkeeping && (!old || typeOf(old) === 'XRef')) acceptance.accept(number, 'structure');
    else acceptance.judgeAlone(number, old, now);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    acceptance.complain(number, `cannot be read: ${error.message}`);
  }
}

function typeOf(object: IndirectObject | undefined): string | undefined {
  return object?.value instanceof Stream ? object.value.dictionary.name('Type') : undefined;
}
