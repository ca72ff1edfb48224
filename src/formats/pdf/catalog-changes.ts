import { namesOf } from './form-changes.ts';
import { ArrayObject, Dictionary, Reference, Stream, type Value } from './objects.ts';
import type { Comparison } from './comparison.ts';
import type { PdfDocument } from './document.ts';

/** Judged by themselves, or of no effect on what is shown. */
const explained = new Set(['AcroForm', 'DSS', 'Extensions', 'Version', 'Metadata']);

/** What a reader starts from: trailer and catalog; validation data and metadata that hang on them (EN 319 142-1 §5.4). */
export function judgeCatalog(comparison: Comparison): void {
  const { before, after } = comparison;
  for (const key of ['Root', 'Encrypt'])
    if (!comparison.equal(before.trailer.get(key) ?? null, before.catalog, after.trailer.get(key) ?? null, after.catalog))
      comparison.complain(0, `/${key} of the trailer was changed`);
  const [oldInfo, info] = [before.trailer.get('Info'), after.trailer.get('Info')];
  if (info instanceof Reference && inPlace(comparison, oldInfo, info))
    comparison.accept(info.number, 'metadata', ({ holder }) => holder === 0);
  const [old, now] = [before.catalog, after.catalog];
  const unexplained = comparison.differingKeys(old.value, old, now.value, now).filter((key) => !explained.has(key));
  const metadata = now.value.get('Metadata');
  if (metadata instanceof Reference && inPlace(comparison, old.value.get('Metadata'), metadata))
    comparison.accept(metadata.number, 'metadata', ({ holder, path }) => holder === now.number && path === 'Metadata');
  judgeValidationData(comparison);
  comparison.acceptNew(now.value.get('Extensions') ?? null, 'structure');
  if (unexplained.length > 0) comparison.complain(now.number, `the catalog was changed (${namesOf(unexplained)})`);
  else comparison.accept(now.number, 'structure');
}

/** An object that is new, or had this place before. */
function inPlace(comparison: Comparison, old: Value | undefined, now: Reference): boolean {
  return comparison.isNew(now.number) || (old instanceof Reference && old.number === now.number);
}

/** DSS and VRI (ISO 32000-2 §12.8.4.3): their lists may grow; certificates, CRLs and OCSP answers that were there stay. */
function judgeValidationData(comparison: Comparison): void {
  const { before, after } = comparison;
  const [old, now] = [listsOf(before), listsOf(after)];
  const { number: catalog } = after.catalog;
  for (const number of now)
    if (comparison.isNew(number) || old.has(number))
      comparison.accept(number, 'validation', ({ holder, path }) => now.has(holder) || (holder === catalog && /^DSS(?:\/|$)/.test(path)));
  comparison.acceptNew(after.catalog.value.get('DSS') ?? null, 'validation');
}

/** DSS dictionary, VRI, its entries, and their arrays: down to the streams. */
const depthOfDss = 4;

/** Numbers of the dictionaries and arrays that hold validation data. */
function listsOf(document: PdfDocument): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (value: Value, depth: number): void => {
    if (depth > depthOfDss) return;
    if (value instanceof Reference) {
      const target = document.object(value)?.value ?? null;
      if (found.has(value.number) || target instanceof Stream) return;
      if (target instanceof Dictionary || target instanceof ArrayObject) found.add(value.number);
      visit(target, depth);
    } else if (value instanceof ArrayObject) for (const item of value.items) visit(item, depth + 1);
    else if (value instanceof Dictionary) for (const entry of value.entries.values()) visit(entry.value, depth + 1);
  };
  visit(document.catalog.value.get('DSS') ?? null, 0);
  return found;
}
