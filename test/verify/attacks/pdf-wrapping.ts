import { makePdf, onePage, startxref, stream } from '../../support/pdfs.ts';
import { collector, type Attack } from './attack.ts';
import { gapOf, signInto, text } from './forge-pdf.ts';
import { bareCms } from './pdf-certified.ts';
import { failed, otherText, signer, trust } from './pdf-world.ts';

/** Where /ByteRange stands in the signature dictionary of the honest document. */
type Order = 'before' | 'behind';

/**
 * Signature wrapping (SWA): the second signed range is moved to the end of the file, where a /ByteRange of the attacker finds it; in the gap
 * there is room for other objects and for the cross-reference table that the trailer names.
 */
export async function wrappingAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  const honest = { before: await made('before'), behind: await made('behind') };
  add('sound: /ByteRange before /Contents', 'TOTAL-PASSED', honest.before);
  add('sound: /ByteRange behind /Contents', 'TOTAL-PASSED', honest.behind);
  for (const order of ['before', 'behind'] as const) {
    const place = `, /ByteRange ${order} /Contents`;
    const file = honest[order];
    add(
      `other contents in the gap${place}`,
      failed,
      wrapped(file, (ranges) => ` ${ranges} >>\nendobj\n`),
    );
    add(
      `the same, dictionary closed by a comment${place}`,
      failed,
      wrapped(file, (ranges) => ` ${ranges} >> % `),
    );
    add(
      `the same, the second string empty${place}`,
      failed,
      wrapped(file, (ranges) => ` ${ranges} /Contents <> >>\nendobj\n`),
    );
    add(
      `the same, the dictionary inside another one${place}`,
      failed,
      wrapped(file, (ranges) => ` ${ranges} /X << /Y 1 >> >>\nendobj\n`),
    );
    add(`zeros behind the CMS replaced by objects${place}`, failed, inPadding(file));
    add(`zeros behind the CMS replaced by white space${place}`, failed, shortened(file, ' '));
    add(`zeros behind the CMS replaced by a comment${place}`, failed, shortened(file, '%'));
  }
  return attacks;
}

function made(order: Order): Promise<Buffer> {
  return signInto(
    (dictionary) => {
      const [, ranges = '', contents = ''] = /(\/ByteRange \[[^\]]*\]) (\/Contents <[^>]*>)/.exec(dictionary) ?? [];
      const entries = '/Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /M (D:20261122080000Z)';
      return makePdf({
        ...onePage,
        1: '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> >>',
        6: '<< /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /FT /Sig /T (S) /V 7 0 R >>',
        7: `<< ${entries} ${order === 'before' ? `${ranges} ${contents}` : `${contents} ${ranges}`} >>`,
        // Room in front of the cross-reference table, which must stay where the signed trailer says.
        8: stream('x'.repeat(2000)),
      });
    },
    '',
    bareCms(signer),
  );
}

/** @param close what follows /Contents, with the attacker's /ByteRange */
function wrapped(file: Buffer, close: (ranges: string) => string): Buffer {
  const { start, end } = gap(file);
  const table = startxref(file);
  const build = (secondAt: number): string => {
    const closing = close(`/ByteRange [0 ${start} ${String(secondAt).padEnd(9)} ${file.length - end}]`);
    const object = `${closing}\n4 0 obj\n${otherText}\nendobj\n`.padEnd(table - end);
    return object + tableFor(file, end + object.indexOf('\n4 0 obj') + 1);
  };
  const secondAt = end + build(0).length;
  return Buffer.concat([file.subarray(0, end), Buffer.from(build(secondAt), 'latin1'), file.subarray(end)]);
}

/** It names the other contents, and for the rest what is signed. */
function tableFor(file: Buffer, contentsAt: number): string {
  const rows = [1, 2, 3, 4, 5, 6, 7].map((number) => {
    const offset = number === 4 ? contentsAt : text(file).indexOf(`\n${number} 0 obj`) + 1;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  return `xref\n0 8\n0000000000 65535 f \n${rows.join('')}trailer\n<< /Size 8 /Root 1 0 R >>\n`;
}

function gap(file: Buffer): { readonly start: number; readonly end: number } {
  const [, start, end] = /\/ByteRange \[0 (\d+) +(\d+) /.exec(text(file)) ?? [];
  return start === undefined ? gapOf(file) : { start: Number(start), end: Number(end) };
}

/** The string ends behind the CMS; the signed ranges are the same. */
function shortened(file: Buffer, filling: string): Buffer {
  const { start, end } = gap(file);
  const copy = Buffer.from(file);
  const zeros =
    text(copy)
      .slice(start, end)
      .search(/0{100,}>$/) +
    start +
    1;
  copy.write(`>${filling.repeat(end - zeros - 1)}`, zeros % 2 === start % 2 ? zeros + 1 : zeros, end - zeros, 'latin1');
  return copy;
}

function inPadding(file: Buffer): Buffer {
  const { end } = gap(file);
  const copy = shortened(file, ' ');
  copy.write(`4 0 obj\n${otherText}\nendobj\n`, end - 200, 'latin1');
  return copy;
}
