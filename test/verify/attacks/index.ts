import { algorithmAttacks } from './cms-algorithms.ts';
import { attributeAttacks } from './cms-attributes.ts';
import { structureAttacks } from './cms-structure.ts';
import { pathAttacks } from './certificate-paths.ts';
import { crlAttacks, ocspAttacks } from './certificate-revocation.ts';
import { authorityAttacks, renewalAttacks, treeAttacks } from './evidence.ts';
import { certificationAttacks } from './pdf-certification.ts';
import { certifiedAttacks } from './pdf-certified.ts';
import { contentsAttacks } from './pdf-contents.ts';
import { coverageAttacks } from './pdf-coverage.ts';
import { shadowAttacks } from './pdf-shadow.ts';
import { forgeryAttacks } from './pdf-signature-forgery.ts';
import { updateAttacks } from './pdf-updates.ts';
import { wrappingAttacks } from './pdf-wrapping.ts';
import { signatureTimestampAttacks, tokenAttacks } from './timestamps.ts';
import type { Attack } from './attack.ts';

/** One section of docs/verification-attacks.md. */
export interface AttackClass {
  readonly title: string;
  /** What is tried, and which rule decides. */
  readonly text: string;
  readonly attacks: readonly Attack[];
}

/** Every class with its cases. */
export async function attackClasses(): Promise<readonly AttackClass[]> {
  return await Promise.all(classes.map(async ([title, text, make]) => ({ title, text, attacks: await make() })));
}

const classes: readonly (readonly [string, string, () => Promise<readonly Attack[]>])[] = [
  [
    'PDF: signature forgery (USF)',
    'The entries that a verifier needs are missing or nonsense. EN 319 102-1 §5.2.2: what cannot be read as a signature is `FORMAT_FAILURE`.',
    forgeryAttacks,
  ],
  [
    'PDF: signature wrapping (SWA)',
    'The second signed range is moved, and other objects stand in the gap. ISO 32000-2 §12.8.1: the ranges are everything but the value of /Contents.',
    wrappingAttacks,
  ],
  [
    'PDF: what the signature covers',
    'Other /ByteRange or /Contents, rightly signed or moved between documents. EN 319 142-1 §5.3.',
    coverageAttacks,
  ],
  [
    'PDF: incremental saving (ISA)',
    'Something is appended to a signed document. Only further signatures, timestamps, validation data and filled fields may be (ISO 32000-2 §12.8.2.2, EN 319 142-1 §5.6); the signed bytes are intact, so the verdict is a constraint failure.',
    updateAttacks,
  ],
  [
    'PDF: shadow attacks (hide, replace, hide and replace)',
    'The document was prepared before it was signed, so that a harmless looking update shows something else.',
    shadowAttacks,
  ],
  ['PDF: certified and locked documents', 'DocMDP and FieldMDP (ISO 32000-2 §12.8.2.2, §12.8.2.4).', certifiedAttacks],
  [
    'PDF: certification attacks (EAA, SSA)',
    'An annotation or a further signature field covers a certified document. We refuse every later annotation, also where P 3 permits it: nobody can tell what it hides.',
    certificationAttacks,
  ],
  ['PDF: the CMS inside', 'EN 319 142-1 §6.3, ISO 32000-2 table 260.', contentsAttacks],
  ['CMS: signed attributes', 'RFC 5652 §5.3, §11; RFC 5035; EN 319 122-1 §5.2.2.', attributeAttacks],
  ['CMS: algorithms', 'RFC 5652 §5.4, RFC 4055, RFC 6211; ETSI TS 119 312 for what is too weak.', algorithmAttacks],
  ['CMS: signers, contents, encodings', 'RFC 5652 §5.', structureAttacks],
  ['Certificates: paths', 'RFC 5280 §6. NIST PKITS (245 cases) is a test of its own.', pathAttacks],
  ['Certificates: CRLs', 'RFC 5280 §6.3. Missing or unusable revocation data is `TRY_LATER`, never good.', crlAttacks],
  ['Certificates: OCSP', 'RFC 6960 §3.2, §4.2.2.2.', ocspAttacks],
  ['Timestamps: tokens', 'RFC 3161 §2.3, §2.4.2; RFC 5816; EN 319 102-1 §5.4.', tokenAttacks],
  ['Timestamps: what time they prove for a signature', 'EN 319 102-1 §5.5.4.', signatureTimestampAttacks],
  ['Evidence records: trees', 'RFC 4998 §4.3.', treeAttacks],
  ['Evidence records: renewals', 'RFC 4998 §5.3.', renewalAttacks],
  ['Evidence records: authorities', 'RFC 4998 §5.3, EN 319 102-1 §5.6.2.', authorityAttacks],
];
