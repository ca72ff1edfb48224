/** One BER-TLV object (ISO 7816-4 §5.2.2). @param tag hexadecimal */
export function tlv(tag: string, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const size = value.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from(tag, 'hex'), Buffer.from(length), value]);
}

/** Objects with tags of one octet, by tag: all that PIV's dynamic authentication template (7C) and tag list (5C) need. */
export function readTlvs(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 1 < bytes.length;) {
    const tag = bytes.readUInt8(at++);
    let length = bytes.readUInt8(at++);
    if (length > 0x80) {
      const octets = length & 0x7f;
      length = bytes.readUIntBE(at, octets);
      at += octets;
    }
    found.set(tag, bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}
