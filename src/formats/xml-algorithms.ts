import type { AnyDigest } from '../model/algorithms.ts';

/** How XML names digests (RFC 4051, RFC 6931, XML Encryption §5.7). */
export const digestUris: Readonly<Record<AnyDigest, string>> = {
  md5: 'http://www.w3.org/2001/04/xmldsig-more#md5',
  sha1: 'http://www.w3.org/2000/09/xmldsig#sha1',
  ripemd160: 'http://www.w3.org/2001/04/xmlenc#ripemd160',
  sha224: 'http://www.w3.org/2001/04/xmldsig-more#sha224',
  sha256: 'http://www.w3.org/2001/04/xmlenc#sha256',
  sha384: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
  sha512: 'http://www.w3.org/2001/04/xmlenc#sha512',
  'sha3-224': 'http://www.w3.org/2007/05/xmldsig-more#sha3-224',
  'sha3-256': 'http://www.w3.org/2007/05/xmldsig-more#sha3-256',
  'sha3-384': 'http://www.w3.org/2007/05/xmldsig-more#sha3-384',
  'sha3-512': 'http://www.w3.org/2007/05/xmldsig-more#sha3-512',
};

const byUri = new Map(Object.entries(digestUris).map(([digest, uri]) => [uri, digest as AnyDigest]));

/** The digest with this identifier; undefined when it is none that we read. */
export function digestByUri(uri: string): AnyDigest | undefined {
  return byUri.get(uri);
}

/** A way to write the same XML in one form only. */
export interface Canonicalization {
  readonly method: 'c14n-1.0' | 'c14n-1.1' | 'exclusive-1.0';
  readonly withComments: boolean;
}

/** Canonical XML 1.0 without comments: what we write with. */
export const canonicalXml = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315';

const methods: readonly (readonly [uri: string, method: Canonicalization['method'], comments: string])[] = [
  [canonicalXml, 'c14n-1.0', '#WithComments'],
  ['http://www.w3.org/2006/12/xml-c14n11', 'c14n-1.1', '#WithComments'],
  ['http://www.w3.org/2001/10/xml-exc-c14n#', 'exclusive-1.0', 'WithComments'],
];

/** The canonicalization with this identifier; undefined when it is none that we read. */
export function canonicalizationByUri(uri: string): Canonicalization | undefined {
  for (const [plain, method, comments] of methods) {
    if (uri === plain) return { method, withComments: false };
    if (uri === plain + comments) return { method, withComments: true };
  }
  return undefined;
}
