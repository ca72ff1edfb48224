import { damaged } from './refusals.ts';

/** Strings of PDF files: how they are written (ISO 32000-2 §7.3.4) and what their bytes mean (§7.9.2). */

const escapes = new Map<number, number>([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x66, 0x0c],
]);

/** Content of a literal string, without its outer parentheses. */
export function decodeLiteral(content: Buffer): Buffer {
  if (!content.includes(0x5c) && !content.includes(0x0d)) return Buffer.from(content);
  const decoded = Buffer.alloc(content.length);
  let length = 0;
  for (let at = 0; at < content.length; at++) {
    let code = content[at] ?? 0;
    if (code === 0x0d) {
      // An end of line is one line feed, however it is written.
      if (content[at + 1] === 0x0a) at++;
      code = 0x0a;
    } else if (code === 0x5c) {
      const next = content[++at];
      if (next === undefined) break;
      if (next === 0x0d || next === 0x0a) {
        if (next === 0x0d && content[at + 1] === 0x0a) at++;
        continue;
      }
      const digits = octal(content, at);
      if (digits > 0) {
        code = parseInt(content.toString('latin1', at, at + digits), 8) & 0xff;
        at += digits - 1;
      } else code = escapes.get(next) ?? next;
    }
    decoded[length++] = code;
  }
  return decoded.subarray(0, length);
}

function octal(content: Buffer, at: number): number {
  let digits = 0;
  while (digits < 3) {
    const code = content[at + digits] ?? 0;
    if (code < 0x30 || code > 0x37) break;
    digits++;
  }
  return digits;
}

/** Content of a hexadecimal string, without its angle brackets; a missing last digit is 0. */
export function decodeHexadecimal(content: Buffer): Buffer {
  const digits = content.toString('latin1').replace(/[\0\t\n\f\r ]+/g, '');
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex');
  if (bytes.length !== Math.ceil(digits.length / 2)) throw damaged('a hexadecimal string holds other characters');
  return bytes;
}

/** A string object with these bytes. */
export function hexadecimal(bytes: Uint8Array): string {
  return `<${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}>`;
}

const plain = /^[\x20-\x7e\t\r\n]*$/;

/** Bytes of a text string (§7.9.2.2): ASCII as it is, everything else UTF-16BE with its mark. */
export function encodeText(text: string): Buffer {
  if (plain.test(text)) return Buffer.from(text, 'latin1');
  return Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(text, 'utf16le').swap16()]);
}

/** A string object with this text. */
export function textString(text: string): string {
  if (!plain.test(text)) return hexadecimal(encodeText(text));
  return `(${text.replace(/[\\()\r]/g, (mark) => (mark === '\r' ? '\\r' : `\\${mark}`))})`;
}

// PDFDocEncoding where it differs from ISO 8859-1 (Annex D.3), from 0x18 and from 0x80.
const accents = '˘ˇˆ˙˝˛˚˜';
const signs = '•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\ufffd€';

/** What the bytes of a text string say. Hostile input. */
export function decodeText(bytes: Buffer): string {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)));
    return even.swap16().toString('utf16le');
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.toString('utf8', 3);
  return bytes.toString('latin1').replace(/[\x18-\x1f\x80-\xa0]/g, (mark) => {
    const code = mark.charCodeAt(0);
    return (code < 0x80 ? accents[code - 0x18] : signs[code - 0x80]) ?? mark;
  });
}

/** A date string (§7.9.4) in UTC. @param time UTC, ms since the epoch */
export function encodeDate(time: number): string {
  const iso = new Date(time).toISOString();
  return `D:${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`;
}

/** @returns UTC, ms since the epoch; undefined when the text is no date string. Hostile input. */
export function decodeDate(text: string): number | undefined {
  const match =
    /^D:(?<year>\d{4})(?<month>\d\d)?(?<day>\d\d)?(?<hour>\d\d)?(?<minute>\d\d)?(?<second>\d\d)?(?:Z|(?<sign>[+-])(?<hours>\d\d)'?(?<minutes>\d\d)?'?)?/.exec(
      text,
    );
  if (!match?.groups) return undefined;
  const part = (name: string, otherwise: number): number => Number(match.groups?.[name] ?? otherwise);
  const time = Date.UTC(part('year', 0), part('month', 1) - 1, part('day', 1), part('hour', 0), part('minute', 0), part('second', 0));
  const shift = (part('hours', 0) * 60 + part('minutes', 0)) * 60_000;
  return match.groups['sign'] === '-' ? time + shift : time - shift;
}
