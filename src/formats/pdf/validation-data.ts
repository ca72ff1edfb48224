import { SealError } from '../../errors.ts';
import { basicOcspOf, maxValues, type ValidationMaterial } from '../validation-values.ts';
import { decode } from './filters.ts';
import { ArrayObject, Dictionary, Reference, Stream, type Value } from './objects.ts';
import { beyondLimit } from './refusals.ts';
import type { PdfDocument } from './document.ts';

/** Bytes of all of it, unpacked. */
const mostBytes = 64 * 1024 * 1024;

/**
 * Certificates, CRLs and OCSP answers in the document security store (ISO 32000-2 §12.8.4.3, EN 319 142-1 §5.4): its own lists, which hold what
 * its VRI name too. What cannot be read is passed over. Hostile input.
 * @throws SealError SEAL-DOC-LIMIT, SEAL-DOC-* when the document cannot be read
 */
export function readValidationData(document: PdfDocument): ValidationMaterial {
  const store = document.resolve(document.catalog.value.get('DSS'));
  if (!(store instanceof Dictionary)) return { certificates: [], crls: [], ocsps: [] };
  const left = { bytes: mostBytes };
  const list = (key: string): Buffer[] => {
    const found = document.resolve(store.get(key));
    const items = found instanceof ArrayObject ? found.items : [];
    if (items.length > maxValues) throw beyondLimit(`/${key} of the document security store has more than ${maxValues} entries`);
    return items.flatMap((item) => unpack(document, item, left));
  };
  return { certificates: list('Certs'), crls: list('CRLs'), ocsps: list('OCSPs').flatMap((der) => basicOcspOf(der) ?? []) };
}

function unpack(document: PdfDocument, item: Value, left: { bytes: number }): Buffer[] {
  if (!(item instanceof Reference)) return [];
  try {
    const object = document.object(item);
    if (!object || !(object.value instanceof Stream)) return [];
    const data = document.streamData(object.value);
    const plain = document.security()?.decryptStream(object.number, object.generation, data) ?? data;
    const bytes = decode(object.value.dictionary, plain, Math.max(1, left.bytes));
    left.bytes -= bytes.length;
    return [bytes];
  } catch (error) {
    if (!(error instanceof SealError) || error.code === 'SEAL-DOC-LIMIT') throw error;
    return [];
  }
}
