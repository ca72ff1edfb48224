import { encode, oid, sequence, Tag } from '../formats/der.ts';

/** Organization in every name of the evaluation authority: reports recognise it and say EVALUATION. */
export const evaluationOrganization = 'Sealtree EVALUATION';

/** A subject or issuer, as far as the evaluation authority needs attributes. */
export interface DistinguishedName {
  /** Two letters, ISO 3166. */
  readonly country?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly serialNumber?: string;
  readonly commonName: string;
}

const attributes = [
  ['country', '2.5.4.6', Tag.printableString],
  ['organization', '2.5.4.10', Tag.utf8String],
  ['organizationalUnit', '2.5.4.11', Tag.utf8String],
  ['serialNumber', '2.5.4.5', Tag.printableString],
  ['commonName', '2.5.4.3', Tag.utf8String],
] as const;

/** DER Name (RFC 5280 §4.1.2.4), one attribute a RDN, most general first. */
export function encodeName(name: DistinguishedName): Buffer {
  const rdns = attributes.flatMap(([attribute, type, tag]) => {
    const value = name[attribute];
    return value === undefined ? [] : [encode(Tag.set, sequence(oid(type), encode(tag, Buffer.from(value, 'utf8'))))];
  });
  return sequence(...rdns);
}
