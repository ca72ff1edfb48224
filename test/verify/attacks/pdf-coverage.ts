import { makePdf, onePage } from '../../support/pdfs.ts';
import { made } from './pdf-certified.ts';
import { failed, otherText, signed, signer, trust } from './pdf-world.ts';
import { collector, type Attack } from './attack.ts';
import { detachedCms } from './forge-cms.ts';
import { gapOf, signPdf, text } from './forge-pdf.ts';

/** /ByteRange and /Contents. */
export async function coverageAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  add('sound: signed once', 'TOTAL-PASSED', signed);
  const { start, end } = gapOf(signed);
  const rest = signed.length - end;
  const ranges = (from: number, before: number, after: number, last: number): Buffer => {
    const copy = Buffer.from(signed);
    const at = text(copy).lastIndexOf('/ByteRange [', start);
    const length = text(copy).indexOf(']', at) - at;
    copy.write(`/ByteRange [${from} ${before} ${after} ${last}`.padEnd(length), at, 'latin1');
    return copy;
  };
  const again = (bytes: Buffer, pieces: (copy: Buffer) => Buffer): Promise<Buffer> => withRanges(bytes, start, end, pieces);
  add(
    'one byte of the document changed',
    'TOTAL-FAILED HASH_FAILURE',
    Buffer.from(text(signed).replace('Rechnung 4711', 'Rechnung 9711'), 'latin1'),
  );
  add(
    '/ByteRange leaves out the end of the file',
    failed,
    await again(ranges(0, start, end, rest - 40), (copy) => Buffer.concat([copy.subarray(0, start), copy.subarray(end, copy.length - 40)])),
  );
  add(
    '/ByteRange leaves out more than /Contents',
    failed,
    await again(ranges(0, start - 60, end, rest), (copy) => Buffer.concat([copy.subarray(0, start - 60), copy.subarray(end)])),
  );
  add(
    '/ByteRange leaves out the beginning',
    failed,
    await again(ranges(9, start - 9, end, rest), (copy) => Buffer.concat([copy.subarray(9, start), copy.subarray(end)])),
  );
  add('/ByteRange is empty', failed, await again(ranges(0, 0, 0, 0), () => Buffer.alloc(0)));
  add('/ByteRange has an empty second range', failed, await again(ranges(0, start, end, 0), (copy) => copy.subarray(0, start)));
  add(
    '/ByteRange covers /Contents twice over',
    failed,
    await again(ranges(0, end, start, rest), (copy) => Buffer.concat([copy.subarray(0, end), copy.subarray(start, start + rest)])),
  );
  add('bytes behind the CMS in /Contents', failed, filledUp(await made('', false)));
  const foreign = await signPdf(signer, makePdf({ ...onePage, 4: otherText }));
  add(
    '/Contents of another document',
    'TOTAL-FAILED HASH_FAILURE',
    Buffer.concat([signed.subarray(0, start), foreign.subarray(gapOf(foreign).start, gapOf(foreign).end), signed.subarray(end)]),
  );
  add('cut off behind the signature', failed, signed.subarray(0, signed.length - 30));
  add('bytes before the header', failed, Buffer.concat([Buffer.from('junk\n'), signed]));
  return attacks;
}

async function withRanges(bytes: Buffer, start: number, end: number, pieces: (copy: Buffer) => Buffer): Promise<Buffer> {
  const cms = await detachedCms({ signer, content: pieces(bytes) }, signer.chain);
  return Buffer.concat([
    bytes.subarray(0, start),
    Buffer.from(`<${cms.toString('hex').padEnd(end - start - 2, '0')}>`),
    bytes.subarray(end),
  ]);
}

/** There is room behind the CMS. */
function filledUp(roomy: Buffer): Buffer {
  const { end } = gapOf(roomy);
  return Buffer.from(roomy).fill('41', end - 5, end - 1, 'latin1');
}
