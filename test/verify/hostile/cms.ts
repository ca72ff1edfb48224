import { generateKeyPairSync } from 'node:crypto';
import { context, encode, integer, octetString, oid, sequence, setOf, Tag } from '../../../src/formats/der.ts';
import { oids } from '../../../src/formats/oids.ts';
import { cn, makeCa, makeCertificate } from '../../support/pki.ts';
import { attribute, signedData, signerInfo } from '../attacks/forge-cms.ts';
import type { TestAuthority, TestIdentity } from '../../support/authority.ts';

/** Signatures that hold more of everything than anybody needs. */

const document = Buffer.from('document\n');

export async function signature(signer: TestIdentity, unsigned: readonly Buffer[] = []): Promise<Buffer> {
  return await signerInfo({ signer, content: document, unsigned: () => unsigned });
}

/** The same signature over and over. */
export async function manySigners(signer: TestIdentity, count: number): Promise<Buffer> {
  return signedData({
    certificates: signer.chain,
    signers: Array.from<Buffer>({ length: count }).fill(await signature(signer)),
    content: octetString(document),
  });
}

/** Certificates that are none, or one many times. */
export async function manyCertificates(signer: TestIdentity, count: number): Promise<Buffer> {
  const certificates = Array.from<Buffer>({ length: count }).fill(signer.certificate);
  return signedData({ certificates, signers: [await signature(signer)], content: octetString(document) });
}

/** Authorities of one name with keys of their own that all certify each other: paths without end. */
export async function mazeOfAuthorities(levels: number, width: number): Promise<Buffer> {
  const now = Date.now();
  const validity = { notBefore: now - 86_400_000, notAfter: now + 86_400_000 };
  let above = [makeCa({ ...validity, subject: cn('Maze') })];
  const all = [...above];
  for (let level = 0; level < levels; level++) {
    const keys = Array.from({ length: width }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const next = keys.flatMap((privateKey) =>
      above.slice(0, 3).map((issuer) => makeCa({ ...validity, subject: cn('Maze'), issuer, privateKey })),
    );
    all.push(...next);
    above = next;
  }
  const [issuer] = above;
  const leaf = makeCertificate({ ...validity, subject: cn('Leaf'), ...(issuer ? { issuer } : {}) });
  const signer = { certificate: leaf.certificate.der, privateKey: leaf.privateKey };
  const certificates = [leaf, ...all].map(({ certificate }) => certificate.der).slice(0, 1024);
  return signedData({ certificates, signers: [await signerInfo({ signer, content: document })], content: octetString(document) });
}

/** Timestamps in one attribute. */
export async function manyTimestamps(authority: TestAuthority, signer: TestIdentity, count: number): Promise<Buffer> {
  const signed = await signerInfo({
    signer,
    content: document,
    unsigned: async () => {
      const token = await authority.timestamp('sha256', Buffer.alloc(32));
      return [sequence(oid(oids.signatureTimeStampToken), encode(Tag.set, ...Array.from<Buffer>({ length: count }).fill(token)))];
    },
  });
  return signedData({ certificates: signer.chain, signers: [signed], content: octetString(document) });
}

/** Millions of elements of two bytes where certificates belong. */
export async function emptyElements(signer: TestIdentity, count: number): Promise<Buffer> {
  return signedData({
    certificates: [Buffer.alloc(2 * count, Buffer.from([Tag.null, 0]))],
    signers: [await signature(signer)],
    content: octetString(document),
  });
}

/** The same inside an unsigned attribute. */
export async function emptyValues(signer: TestIdentity, count: number): Promise<Buffer> {
  const values = encode(Tag.set, Buffer.alloc(2 * count, Buffer.from([Tag.null, 0])));
  return signedData({
    certificates: signer.chain,
    signers: [await signature(signer, [sequence(oid('1.2.3.4'), values)])],
    content: octetString(document),
  });
}

/** An object identifier of that many bytes, where the type of an attribute belongs. */
export async function hugeIdentifier(signer: TestIdentity, size: number): Promise<Buffer> {
  const huge = encode(Tag.oid, Buffer.concat([Buffer.from([0x2a]), Buffer.alloc(size, 0x81), Buffer.from([1])]));
  return signedData({
    certificates: signer.chain,
    signers: [await signature(signer, [sequence(huge, setOf(integer(1)))])],
    content: octetString(document),
  });
}

/** Elements of indefinite length inside each other. @param depth how many @param size bytes in the innermost */
export function indefinite(depth: number, size: number): Buffer {
  const open = Buffer.alloc(2 * depth, Buffer.from([0x30, 0x80]));
  return Buffer.concat([
    Buffer.from([0x30, 0x80]),
    oid(oids.signedData),
    Buffer.from([0xa0, 0x80, 0x30, 0x80]),
    integer(1),
    open,
    Buffer.alloc(size, Buffer.from([Tag.null, 0])).subarray(0, size),
    Buffer.alloc(2 * depth + 6),
  ]);
}

/** The content in millions of pieces. */
export async function contentInPieces(signer: TestIdentity, count: number): Promise<Buffer> {
  const content = encode(0x24, Buffer.alloc(3 * count, Buffer.from([Tag.octetString, 1, 0x41])));
  return signedData({ certificates: signer.chain, signers: [await signature(signer)], content });
}

/** A length that says four gigabytes. */
export function hugeLength(): Buffer {
  return Buffer.concat([
    Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    oid(oids.signedData),
    encode(context(0, true), Buffer.alloc(8)),
  ]);
}

/** An attribute that holds a countersignature that holds one, and so on. */
export async function countersignatures(signer: TestIdentity, count: number): Promise<Buffer> {
  const inner = await signature(signer);
  const many = sequence(oid(oids.countersignature), encode(Tag.set, ...Array.from<Buffer>({ length: count }).fill(inner)));
  return signedData({ certificates: signer.chain, signers: [await signature(signer, [many])], content: octetString(document) });
}

/** CRLs inside the signature. @param size bytes of its entries */
export async function withLargeCrl(authority: TestAuthority, signer: TestIdentity, entries: number): Promise<Buffer> {
  const [crl] = authority.crls();
  const entry = (at: number): Buffer => sequence(integer(1_000_000 + at), encode(Tag.utcTime, Buffer.from('260101000000Z')));
  const list = Buffer.concat(Array.from({ length: entries }, (_, at) => entry(at)));
  const forged = sequence(
    sequence(integer(1), encode(Tag.sequence, list)),
    sequence(oid(oids.ecdsaWithSHA256)),
    encode(Tag.bitString, Buffer.alloc(70)),
  );
  return signedData({
    certificates: signer.chain,
    revocation: [...(crl === undefined ? [] : [crl]), forged],
    signers: [await signature(signer, [attribute('1.2.3.4', integer(1))])],
    content: octetString(document),
  });
}
