import { pades } from '../../../src/formats/pades.ts';
import { signDocument } from '../../formats/signing.ts';
import type { TestAuthority, TestIdentity } from '../../support/authority.ts';

export function text(bytes: Buffer): string {
  return bytes.toString('latin1');
}

/** Signed as the product does it. */
export function signPdf(identity: TestIdentity, document: Buffer, timestampFrom?: Pick<TestAuthority, 'timestamp'>): Promise<Buffer> {
  return signDocument(identity, document, { format: pades, packaging: 'embedded', ...(timestampFrom && { timestampFrom }) });
}

/** Where the last signature's /Contents stands with its angle brackets: half-open. */
export function gapOf(signed: Buffer): { readonly start: number; readonly end: number } {
  const match = [...text(signed).matchAll(/\/ByteRange \[0 (\d+) +(\d+) +\d+ *\]/g)].at(-1);
  return { start: Number(match?.[1]), end: Number(match?.[2]) };
}

/** Fills the placeholder of the last signature with another CMS over the same bytes. */
export async function withCms(signed: Buffer, make: (content: Buffer) => Promise<Buffer>): Promise<Buffer> {
  const { start, end } = gapOf(signed);
  const cms = await make(Buffer.concat([signed.subarray(0, start), signed.subarray(end)]));
  const hexadecimal = cms.toString('hex').padEnd(end - start - 2, '0');
  if (hexadecimal.length !== end - start - 2) throw new Error('the placeholder is too small');
  return Buffer.concat([signed.subarray(0, start), Buffer.from(`<${hexadecimal}>`, 'latin1'), signed.subarray(end)]);
}

/** Body of an object as the last revision writes it. */
export function bodyOf(document: Buffer, number: number): string {
  const at = text(document).lastIndexOf(`\n${number} 0 obj\n`);
  const start = at + `\n${number} 0 obj\n`.length;
  return text(document).slice(start, text(document).indexOf('\nendobj', start));
}

/** The dictionary with one more entry at its end. */
export function withEntry(body: string, entry: string): string {
  return body.replace(/>>$/, ` ${entry} >>`);
}

/** An array inside a dictionary with one more item. */
export function withItem(body: string, key: string, item: string): string {
  if (!body.includes(`/${key} [`)) throw new Error(`no /${key} in ${body}`);
  return body.replace(`/${key} [`, `/${key} [${item} `);
}

/**
 * Signs a document whose signature dictionary the caller writes: /ByteRange and /Contents are filled in behind `entries`.
 * @param entries of the signature dictionary
 * @param place bytes of the document with `@SIGNATURE@` where the dictionary belongs, offsets fixed up by `finish`
 */
export async function signInto(
  build: (dictionary: string) => Buffer,
  entries: string,
  make: (content: Buffer) => Promise<Buffer>,
  room = 12_000,
): Promise<Buffer> {
  const hole = `<${'0'.repeat(room)}>`;
  const ranges = ' '.repeat(40);
  const document = build(`<< ${entries} /ByteRange [0 ${ranges}] /Contents ${hole} >>`);
  const start = text(document).lastIndexOf(hole);
  const end = start + hole.length;
  const filled = Buffer.from(document);
  const at = text(document).lastIndexOf(`/ByteRange [0 ${ranges}]`);
  filled.write(`${start} ${end} ${document.length - end}`.padEnd(40), at + '/ByteRange [0 '.length, 'latin1');
  return withCms(filled, make);
}
