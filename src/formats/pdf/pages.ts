import { ArrayObject, asDictionary, Reference, type DictionaryObject, type Value } from './objects.ts';
import { beyondLimit, damaged } from './refusals.ts';
import type { PdfDocument } from './document.ts';

const maxDepth = 64;
const maxNodes = 100_000;

/** The first page (ISO 32000-2 §7.7.3): the first leaf of the page tree. Hostile input. @throws SealError SEAL-DOC-DAMAGED, SEAL-DOC-LIMIT */
export function firstPage(document: PdfDocument): DictionaryObject {
  const seen = new Set<number>();
  const visit = (kid: Value, depth: number): DictionaryObject | undefined => {
    const object = kid instanceof Reference ? asDictionary(document.object(kid)) : undefined;
    if (!object) throw damaged('the page tree lists a page that does not exist');
    if (seen.has(object.number)) throw damaged('the page tree runs in a circle');
    if (depth > maxDepth || seen.size > maxNodes) throw beyondLimit('the page tree is too deep');
    seen.add(object.number);
    const kids = document.resolve(object.value.get('Kids'));
    if (!(kids instanceof ArrayObject)) return object;
    for (const one of kids.items) {
      const found = visit(one, depth + 1);
      if (found) return found;
    }
    return undefined;
  };
  const page = visit(document.catalog.value.get('Pages') ?? null, 0);
  if (!page || page.value.name('Type') === 'Pages') throw damaged('the document has no page');
  return page;
}
