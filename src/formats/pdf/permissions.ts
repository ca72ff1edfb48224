import { ArrayObject, Dictionary, Name, StringObject, type IndirectObject, type Value } from './objects.ts';
import { forbidden } from './refusals.ts';
import { decodeText } from './strings.ts';
import type { PdfDocument } from './document.ts';
import type { Field } from './fields.ts';

/** Which fields a signature locks (ISO 32000-2 §12.8.2.4). */
export interface FieldLock {
  readonly action: 'All' | 'Include' | 'Exclude';
  readonly fields: readonly string[];
}

/** What a signature allows to happen afterwards. */
export interface Restrictions {
  /** DocMDP (§12.8.2.2): 1 nothing, 2 forms and signatures, 3 annotations too; undefined when it says nothing. */
  readonly changes: 1 | 2 | 3 | undefined;
  readonly locks: readonly FieldLock[];
}

/** What the /Reference entries of a signature dictionary and the /Lock of its field say. @param object that the dictionary is written in */
export function readRestrictions(document: PdfDocument, object: IndirectObject, signature: Dictionary, field?: Field): Restrictions {
  let changes: Restrictions['changes'];
  const locks: FieldLock[] = [];
  const references = document.follow(signature.get('Reference'), object);
  for (const item of references.value instanceof ArrayObject ? references.value.items : []) {
    const reference = document.follow(item, references.object);
    if (!(reference.value instanceof Dictionary)) continue;
    const parameters = document.follow(reference.value.get('TransformParams'), reference.object);
    const transform = document.resolve(reference.value.get('TransformMethod'));
    const method = transform instanceof Name ? transform.value : undefined;
    if (method === 'DocMDP') changes = strictest(changes, level(document, parameters.value, 2));
    if (method === 'FieldMDP') locks.push(lock(document, parameters.object, parameters.value));
  }
  const own = field && document.follow(field.dictionary.get('Lock'), field.object);
  if (own && own.value !== null) {
    locks.push(lock(document, own.object, own.value));
    changes = strictest(changes, level(document, own.value, undefined));
  }
  return { changes, locks };
}

function level(document: PdfDocument, parameters: Value, otherwise: 2 | undefined): 1 | 2 | 3 | undefined {
  const value = parameters instanceof Dictionary ? document.resolve(parameters.get('P')) : null;
  return value === 1 || value === 2 || value === 3 ? value : otherwise;
}

function strictest(one: Restrictions['changes'], other: Restrictions['changes']): Restrictions['changes'] {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

function lock(document: PdfDocument, object: IndirectObject, parameters: Value): FieldLock {
  // What cannot be understood is taken for the strictest lock.
  if (!(parameters instanceof Dictionary)) return { action: 'All', fields: [] };
  const names = document.follow(parameters.get('Fields'), object);
  const fields: string[] = [];
  for (const item of names.value instanceof ArrayObject ? names.value.items : []) {
    const name = document.follow(item, names.object);
    if (name.value instanceof StringObject) fields.push(decodeText(document.text(name.object, name.value)));
  }
  const action = parameters.name('Action');
  return { action: action === 'Include' || action === 'Exclude' ? action : 'All', fields };
}

/**
 * Refuses before a key is used what an author or an earlier signer has excluded: a signature that every validator would reject, and that
 * would break theirs. Decides on a name for the new field that no lock speaks of.
 * @returns the partial name of the new field
 * @throws SealError SEAL-DOC-FORBIDS
 */
export function admitNewSignature(document: PdfDocument, fields: readonly Field[]): string {
  refuseWithoutPermission(document);
  const taken = new Set(fields.map(({ name }) => name.split('.')[0] ?? ''));
  for (const restrictions of allRestrictions(document, fields)) {
    if (restrictions.changes === 1)
      throw forbidden('an earlier signature certifies the document and allows no change at all (DocMDP, P 1)', detached);
    for (const { action, fields: names } of restrictions.locks) {
      if (action !== 'Include') throw forbidden('an earlier signature locks all fields of the form, new ones too (FieldMDP)', detached);
      for (const name of names) taken.add(name.split('.')[0] ?? '');
    }
  }
  let number = 1;
  while (taken.has(`Signature${number}`)) number++;
  return `Signature${number}`;
}

const detached = 'sign the document detached (format cades), or archive it with the signature it has';

function allRestrictions(document: PdfDocument, fields: readonly Field[]): Restrictions[] {
  const found: Restrictions[] = [];
  const { catalog } = document;
  const permissions = document.follow(catalog.value.get('Perms'), catalog);
  if (permissions.value instanceof Dictionary) {
    const certification = document.follow(permissions.value.get('DocMDP'), permissions.object);
    if (certification.value instanceof Dictionary) found.push(readRestrictions(document, certification.object, certification.value));
  }
  for (const field of fields)
    if (field.type === 'Sig' && field.value instanceof Dictionary)
      found.push(readRestrictions(document, field.valueObject, field.value, field));
  return found;
}

/** Table 22: signature fields may be created with bits 4 and 6. The owner's password gives every permission. */
function refuseWithoutPermission(document: PdfDocument): void {
  const security = document.security();
  if (!security || security.owner) return;
  const needed = (1 << 3) | (1 << 5);
  if ((security.permissions & needed) !== needed)
    throw forbidden(
      'its author permits neither changes nor signatures (/P of the encryption)',
      "set the owner's password as documentPassword of the root",
    );
}
