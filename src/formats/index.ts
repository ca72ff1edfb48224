import { SealError } from '../errors.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { SignatureFormat } from '../ports/format.ts';
import type { FormatName, Packaging } from '../model/signature.ts';
import { cades } from './cades.ts';
import { pades } from './pades.ts';

/** Every signature format there is. The order is that of `auto`: the first that accepts the document; the last one accepts all. */
export const formats: readonly SignatureFormat[] = [pades, cades];

/** @throws SealError SEAL-DOC-FORMAT when there is no such format */
export function formatNamed(name: FormatName): SignatureFormat {
  const format = formats.find((candidate) => candidate.name === name);
  if (format !== undefined) return format;
  const known = formats.map((one) => one.name).join(', ');
  throw new SealError('SEAL-DOC-FORMAT', `signatures of format ${name} are not made`, { hint: `choose one of: auto, ${known}` });
}

/**
 * The format of that name, or for `auto` the one that fits the document.
 * @throws SealError SEAL-DOC-FORMAT when there is none, or the document is not of its kind
 */
export function formatFor(name: FormatName | 'auto', source: ByteSource): SignatureFormat {
  const format = name === 'auto' ? formats.find((candidate) => candidate.accepts(source)) : formatNamed(name);
  if (format?.accepts(source) === true) return format;
  throw new SealError('SEAL-DOC-FORMAT', `the document cannot be signed as ${name}`, {
    hint: 'choose format auto or cades in the profile, or take the document out of the batch',
  });
}

/**
 * The packaging that a profile asks for, or the format's own when it leaves it open.
 * @throws SealError SEAL-DOC-FORMAT when the format does not know the one asked for
 */
export function packagingFor(format: SignatureFormat, wanted: Packaging | undefined): Packaging {
  const packaging = wanted ?? format.packagings[0];
  if (packaging !== undefined && format.packagings.includes(packaging)) return packaging;
  throw new SealError('SEAL-DOC-FORMAT', `${format.name} signatures cannot be ${wanted ?? 'made'}`, {
    hint: `choose packaging ${format.packagings.join(' or ')}`,
  });
}
