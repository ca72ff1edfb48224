import { children, context, parse, readElement, readOid } from './der.ts';
import { SealError } from '../errors.ts';
import { sameName } from './names-dn.ts';
import type { Element } from './der.ts';

/** GeneralName (RFC 5280 §4.2.1.6). */
export type GeneralName =
  | { readonly kind: 'otherName'; readonly type: string; readonly value: Buffer }
  | { readonly kind: 'rfc822Name' | 'dNSName' | 'uniformResourceIdentifier'; readonly value: string }
  | { readonly kind: 'x400Address' | 'ediPartyName'; readonly raw: Buffer }
  /** DER Name. */
  | { readonly kind: 'directoryName'; readonly name: Buffer }
  /** Address; in name constraints address and mask. */
  | { readonly kind: 'iPAddress'; readonly bytes: Buffer }
  /** Dotted. */
  | { readonly kind: 'registeredID'; readonly oid: string };

/** Reads one GeneralName. Hostile input. @throws SealError SEAL-INPUT-INVALID */
export function parseGeneralName(element: Element): GeneralName {
  const { content, raw, tag } = element;
  switch (tag) {
    case context(0, true): {
      const type = readElement(content);
      return { kind: 'otherName', type: readOid(type), value: parse(content.subarray(type.raw.length)).content };
    }
    case context(1):
      return { kind: 'rfc822Name', value: content.toString('latin1') };
    case context(2):
      return { kind: 'dNSName', value: content.toString('latin1') };
    case context(3, true):
      return { kind: 'x400Address', raw };
    case context(4, true):
      return { kind: 'directoryName', name: parse(content).raw };
    case context(5, true):
      return { kind: 'ediPartyName', raw };
    case context(6):
      return { kind: 'uniformResourceIdentifier', value: content.toString('latin1') };
    case context(7):
      return { kind: 'iPAddress', bytes: content };
    case context(8):
      return { kind: 'registeredID', oid: readOid({ tag: 0x06, raw, content }) };
    default:
      throw new SealError('SEAL-INPUT-INVALID', `ASN.1: GeneralName with tag 0x${tag.toString(16)}`);
  }
}

/** Reads GeneralNames; `element` may carry an implicit tag. @throws SealError SEAL-INPUT-INVALID */
export function parseGeneralNames(element: Pick<Element, 'content'>): GeneralName[] {
  return children(element).map(parseGeneralName);
}

/** Whether two names are the same name of the same kind. */
export function sameGeneralName(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === 'directoryName') return b.kind === 'directoryName' && sameName(a.name, b.name);
  if (a.kind === 'iPAddress') return b.kind === 'iPAddress' && a.bytes.equals(b.bytes);
  if (a.kind === 'registeredID') return b.kind === 'registeredID' && a.oid === b.oid;
  if (a.kind === 'otherName') return b.kind === 'otherName' && a.type === b.type && a.value.equals(b.value);
  if ('raw' in a) return 'raw' in b && a.raw.equals(b.raw);
  return b.kind === a.kind && 'value' in b && a.value === b.value;
}
