import { SealError } from '../../errors.ts';
import { judgeCatalog } from './catalog-changes.ts';
import { Comparison } from './comparison.ts';
import { FormChanges, namesOf } from './form-changes.ts';
import { asDictionary, Stream, type IndirectObject } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import type { PdfDocument } from './document.ts';
import type { Location, Section } from './xref-entries.ts';

/** Objects that one revision of a document may change before nobody can tell any more what happened. */
const maxChanged = 200_000;

/** Entries of later cross-references times revisions: each entry is looked up in all of them. */
const maxLookups = 60_000_000;

/** What was changed after a signature, by object numbers. */
export interface RevisionChanges {
  /** New or newly filled signature fields, their widgets, signature dictionaries and appearances. */
  readonly signatureFields: readonly number[];
  /** The same for document timestamps. */
  readonly documentTimestamps: readonly number[];
  /** Fields that were filled in, their widgets and appearances. */
  readonly formFields: readonly number[];
  /** Certificates, CRLs, OCSP responses for long-term validation (DSS, VRI). */
  readonly validationData: readonly number[];
  /** Document information and XMP metadata: nothing of it is shown on a page. */
  readonly metadata: readonly number[];
  /** Catalog, form and pages that only list the above; cross-reference and object streams; objects written again as they were. */
  readonly structure: readonly number[];
  /** Names of new signature fields that are visible: they may cover what was signed. */
  readonly visibleFields: readonly string[];
  /** Names of new and newly filled signature fields, without document timestamps. */
  readonly signedFields: readonly string[];
  /** Names of other fields that were filled in. */
  readonly filledFields: readonly string[];
  /** Everything else: no signature allows it silently. Object 0 stands for the file as a whole. */
  readonly other: readonly { readonly object: number; readonly what: string }[];
}

/**
 * Compares the document as it was signed with the document as it is now. Hostile input: what cannot be explained as a further signature,
 * timestamp, filled field or validation data is named in `other`.
 * @param before the signed revision: the beginning of `after`
 */
export function compareRevisions(before: PdfDocument, after: PdfDocument): RevisionChanges {
  const comparison = new Comparison(before, after);
  const form = new FormChanges(comparison);
  const newer = newSections(before, after, comparison);
  const changed = changedNumbers(newer, before, after);
  judge(comparison, () => {
    form.judge(changed);
    judgeCatalog(comparison);
  });
  for (const number of changed) if (!comparison.kinds.has(number)) judgeAlone(number, newer, comparison);
  judge(comparison, () => {
    comparison.judgeUses(changed);
  });
  const of = (kind: string): number[] => changed.filter((number) => comparison.kinds.get(number) === kind);
  const { filledFields, signedFields, visibleFields } = form;
  return {
    signatureFields: of('signature'),
    documentTimestamps: of('timestamp'),
    formFields: of('form'),
    validationData: of('validation'),
    metadata: of('metadata'),
    structure: of('structure'),
    visibleFields,
    signedFields,
    filledFields,
    other: [...comparison.complaints].map(([object, what]) => ({ object, what })),
  };
}

/** What cannot be read cannot be explained. */
function judge(comparison: Comparison, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    comparison.complain(0, `a later revision cannot be read: ${error.message}`);
  }
}

/** The sections that came after the signed revision; the older ones have to be exactly those that were signed. */
function newSections(before: PdfDocument, after: PdfDocument, comparison: Comparison): Section[] {
  const old = before.xref.sections;
  const all = after.xref.sections;
  const newer = all.slice(0, Math.max(0, all.length - old.length));
  const kept = all.slice(newer.length);
  if (kept.length !== old.length || kept.some(({ offset }, at) => offset !== old[at]?.offset))
    comparison.complain(0, 'the later revisions do not build on the signed one');
  if (newer.length === 0) comparison.complain(0, 'bytes that belong to no revision follow the signed one');
  if (newer.some(({ offset }) => offset < before.source.size))
    comparison.complain(0, 'a later revision uses a cross-reference from within the signed bytes');
  return newer;
}

function changedNumbers(newer: readonly Section[], before: PdfDocument, after: PdfDocument): number[] {
  const changed = new Set<number>();
  const entries = newer.flatMap(({ runs }) => runs).reduce((sum, { count }) => sum + count, 0);
  if (entries * after.xref.sections.length > maxLookups) throw beyondLimit('the later revisions have too many cross-reference entries');
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
function judgeAlone(number: number, newer: readonly Section[], comparison: Comparison): void {
  try {
    const [old, now] = [comparison.before.current(number), comparison.after.current(number)];
    const bookkeeping = newer.some((section) => section.number === number) || typeOf(now) === 'ObjStm';
    if (bookkeeping && (!old || typeOf(old) === 'XRef')) comparison.accept(number, 'structure', () => false);
    else if (!comparison.complaints.has(number)) judgeChange(number, old, now, comparison);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    comparison.complain(number, `cannot be read: ${error.message}`);
  }
}

function judgeChange(number: number, old: IndirectObject | undefined, now: IndirectObject | undefined, comparison: Comparison): void {
  if (!old) comparison.complain(number, `${nameOf(now)} was added`);
  else if (!now) comparison.complain(number, `${nameOf(old)} was removed`);
  else if (comparison.equal(old.value, old, now.value, now)) comparison.accept(number, 'structure');
  else comparison.complain(number, `${nameOf(old)} was changed${keysOf(old, now, comparison)}`);
}

function keysOf(old: IndirectObject, now: IndirectObject, comparison: Comparison): string {
  const [was, is] = [asDictionary(old), asDictionary(now)];
  return was && is ? ` (${namesOf(comparison.differingKeys(was.value, was, is.value, is))})` : '';
}

function nameOf(object: IndirectObject | undefined): string {
  const value = object?.value;
  const dictionary = value instanceof Stream ? value.dictionary : asDictionary(object)?.value;
  const type = dictionary?.name('Type') ?? dictionary?.name('Subtype');
  return `${value instanceof Stream ? 'a stream' : 'an object'}${type === undefined ? '' : ` of type /${type}`}`;
}

function typeOf(object: IndirectObject | undefined): string | undefined {
  return object?.value instanceof Stream ? object.value.dictionary.name('Type') : undefined;
}
