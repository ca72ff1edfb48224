import { collector, type Attack } from './attack.ts';
import { gapOf, text } from './forge-pdf.ts';
import { failed, signed, trust } from './pdf-world.ts';

/** Universal signature forgery (USF): the entries that a verifier needs are missing, empty or nonsense, in the hope that it gives up and says yes. */
export function forgeryAttacks(): Promise<readonly Attack[]> {
  const { attacks, add } = collector('pdf', trust);
  for (const [name, contents] of Object.entries(contentsForgeries)) add(`/Contents ${name}`, failed, withContents(contents));
  for (const [name, ranges] of Object.entries(rangeForgeries)) add(`/ByteRange ${name}`, failed, withRanges(ranges));
  const both = withEntry(
    withContents(() => 'null'),
    'ByteRange',
    '/Byterange',
  );
  add('neither /Contents nor /ByteRange', failed, both);
  const none = 'INDETERMINATE SIGNED_DATA_NOT_FOUND';
  add('the field has no value', none, withEntry(signed, 'V 7 0 R', '/W 7 0 R'), { note: 'an empty field is no signature' });
  add('the value of the field is a number', failed, withEntry(signed, 'V 7 0 R', '/V 7    '));
  add('the field is no signature field', none, withEntry(signed, 'FT /Sig', '/FT /Tx '), { note: 'a text field is no signature' });
  add(
    '/SubFilter of a kind that nobody knows',
    'TOTAL-FAILED HASH_FAILURE',
    withEntry(signed, 'SubFilter /ETSI.CAdES.detached', '/SubFilter /ETSI.CAdES.detachex'),
  );
  add('/SubFilter missing', 'TOTAL-FAILED HASH_FAILURE', withEntry(signed, 'SubFilter ', '/SubFiltex '));
  return Promise.resolve(attacks);
}

/** What stands in place of the hexadecimal string, padded with white space to its length; gets the digits. */
const contentsForgeries: Readonly<Record<string, (digits: string) => string>> = {
  null: () => 'null',
  'an empty string': () => '<>',
  'a zero byte': () => '<00>',
  'nothing but zeros': (digits) => `<${'0'.repeat(digits.length)}>`,
  'a number': () => '0',
  'a name': () => '/Contents',
  'an array': () => '[]',
  'a reference to nothing': () => '99 0 R',
  'a reference to the page': () => '3 0 R',
  text: () => '(good signature)',
  'cut in half': (digits) => `<${digits.slice(0, 600)}>`,
};

const rangeForgeries: Readonly<Record<string, string>> = {
  null: 'null',
  'an empty array': '[]',
  'a number': '0',
  'with negative numbers': '[0 -1 -1 9]',
  'with a negative start': '[-9 9 9 9]',
  'with fractions': '[0 1.5 9 2.5]',
  'with three numbers': '[0 9 9]',
  'with names': '[/a /b /c /d]',
  'with nulls': '[null null null null]',
  'beyond the file': '[0 9 9999999 9]',
  'beyond all numbers': '[0 9 1e99 9]',
  'a reference to nothing': '99 0 R',
};

function withContents(make: (digits: string) => string): Buffer {
  const { start, end } = gapOf(signed);
  const copy = Buffer.from(signed);
  copy.write(make(text(signed).slice(start + 1, end - 1)).padEnd(end - start), start, 'latin1');
  return copy;
}

function withRanges(ranges: string): Buffer {
  const copy = Buffer.from(signed);
  const at = text(copy).lastIndexOf('/ByteRange [') + '/ByteRange '.length;
  copy.write(ranges.padEnd(text(copy).indexOf(']', at) + 1 - at), at, 'latin1');
  return copy;
}

/** One entry, written over another one of the same length. */
function withEntry(bytes: Buffer, entry: string, other: string): Buffer {
  const copy = Buffer.from(bytes);
  const at = text(copy).lastIndexOf(`/${entry}`);
  if (at < 0) throw new Error(`no /${entry}`);
  copy.write(other, at, 'latin1');
  return copy;
}
