import { SealError } from '../errors.ts';
import type { ByteSource } from '../ports/bytes.ts';
import type { SignatureFormat } from '../ports/format.ts';
import type { FormatName, Packaging } from '../model/signature.ts';
import { cades } from './cades.ts';

/** Every signature format there is. The order is that of `auto`: the first that accepts the document; the last one accepts all. */
export const formats: readonly SignatureFormat[] = [cades];

/**
 * The format of that name, or for `auto` the one that fits the document.
 * @throws SealError SEAL-DOC-FORMAT when there is none, or the document is not of its kind
 */
export function formatFor(name: FormatName | 'auto', source: ByteSource): SignatureFormat {
  const format = formats.find((candidate) => (name === 'auto' ? candidate.accepts(source) : candidate.name === name));
  if (format === undefined)
    throw new SealError('SEAL-DOC-FORMAT', `there is no format ${name}`, {
      hint: `choose one of: auto, ${formats.map((one) => one.name).join(', ')}`,
    });
  if (!format.accepts(source))
    throw new SealError('SEAL-DOC-FORMAT', `the document cannot be signed as ${name}`, {
      hint: 'choose format auto or cades in the profile, or take the document out of the batch',
    });
  return format;
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
