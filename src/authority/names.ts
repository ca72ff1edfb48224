import { encode, oid, sequence, Tag } from '../formats/der.ts';
import { oids } from '../formats/oids.ts';

/** Organization in every name of the evaluation authority: reports recognise it and say EVALUATION. */
export const evaluationOrganization = 'Sealtree EVALUATION';

/** A subject or issuer, as far as the evaluation authority needs attributes. */
export interface DistinguishedName {
  /** Two letters, ISO 3166. */
  readonly country?: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  /** Of the subject, not of the certificate. */
  readonly serialNumber?: string;
  readonly commonName: string;
}

/** RFC 5280 appendix A.1: country and serial number are PrintableStrings. */
const attributes = [
  ['country', oids.countryName, Tag.printableString],
  ['organization', oids.organizationName, Tag.utf8String],
  ['organizationalUnit', oids.organizationalUnitName, Tag.utf8String],
  ['serialNumber', oids.serialNumber, Tag.printableString],
  ['commonName', oids.commonName, Tag.utf8String],
] as const;

/** DER Name (RFC 5280 §4.1.2.4), one attribute a RDN, most general first. */
export function encodeName(name: DistinguishedName): Buffer {
  const relative = attributes.flatMap(([attribute, type, tag]) => {
    const value = name[attribute];
    return value === undefined ? [] : [encode(Tag.set, sequence(oid(type), encode(tag, Buffer.from(value, 'utf8'))))];
  });
  return sequence(...relative);
}
