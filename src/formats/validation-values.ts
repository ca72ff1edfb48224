import { children, context, Fields, parse, readElement, Tag, type Element } from './der.ts';
import { parseOcspResponse } from './ocsp.ts';
import { oids } from './oids.ts';
import { SealError } from '../errors.ts';
import type { Attribute } from './cms-attributes.ts';

/** Certificates and revocation data that travel with a signature. DER, hostile: a source for path validation, never trusted by themselves. */
export interface ValidationMaterial {
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
  /** BasicOCSPResponse. */
  readonly ocsps: readonly Buffer[];
}

/** Of one kind; honest signatures have a handful. */
export const maxValues = 1024;

/**
 * The unsigned attributes certificate-values and revocation-values (EN 319 122-1 annex A.1.1.2, A.1.2.2; RFC 5126 §6.3.3, §6.3.4). What cannot be
 * read is passed over.
 * @throws SealError SEAL-DOC-LIMIT
 */
export function validationValues(attributes: readonly Attribute[]): ValidationMaterial {
  const certificates: Buffer[] = [];
  const crls: Buffer[] = [];
  const ocsps: Buffer[] = [];
  for (const { type, values } of attributes)
    for (const value of values) {
      if (type === oids.certValues) certificates.push(...listed(value));
      if (type !== oids.revocationValues) continue;
      const [crlValues, ocspValues] = revocationLists(value);
      crls.push(...listed(crlValues));
      ocsps.push(...listed(ocspValues));
    }
  if (Math.max(certificates.length, crls.length, ocsps.length) > maxValues)
    throw new SealError('SEAL-DOC-LIMIT', `more than ${maxValues} validation values`, { hint: 'no honest signature has so many' });
  return { certificates, crls, ocsps };
}

function listed(sequence: Element | undefined): Buffer[] {
  return sequence === undefined ? [] : (attempt(() => children(sequence, true).map(({ raw }) => raw)) ?? []);
}

/** RevocationValues: crlVals [0], ocspVals [1], both explicitly tagged SEQUENCEs. */
function revocationLists(value: Element): readonly (Element | undefined)[] {
  const read = attempt(() => {
    const fields = new Fields(value, 'RevocationValues', true);
    return [fields.optional(context(0, true)), fields.optional(context(1, true))].map(
      (field) => field && parse(field.content, Tag.sequence, true),
    );
  });
  return read ?? [];
}

/** What is in an OCSPResponse, or the BasicOCSPResponse that stands there without one; undefined for anything else. */
export function basicOcspOf(der: Buffer): Buffer | undefined {
  return attempt(() => parseOcspResponse(der).basic) ?? attempt(() => readElement(der, 0, true).raw);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SealError) || error.code === 'SEAL-DOC-LIMIT') throw error;
    return undefined;
  }
}
