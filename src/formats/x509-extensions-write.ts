import { bitString, boolean, octetString, oid, sequence } from './der.ts';
import { oids } from './oids.ts';
import { keyUsages } from './x509-extensions.ts';
import type { KeyUsage } from './x509-extensions.ts';

/** One extension of a certificate or CRL; `value` is the DER that goes into the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** SEQUENCE OF Extension (RFC 5280 §4.1). */
export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))),
  );
}

/** BIT STRING of a named bit list: zero bits at its end are left out (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const last = Math.max(-1, ...bits);
  const octets = Buffer.alloc(Math.ceil((last + 1) / 8));
  for (const bit of bits) octets.writeUInt8(octets.readUInt8(bit >> 3) | (0x80 >> (bit & 7)), bit >> 3);
  return bitString(octets, last < 0 ? 0 : 7 - (last & 7));
}

export function keyUsage(...usages: readonly KeyUsage[]): Extension {
  return { oid: oids.keyUsage, critical: true, value: namedBits(usages.map((usage) => keyUsages.indexOf(usage))) };
}
