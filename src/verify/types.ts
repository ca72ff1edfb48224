import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';
import type { ByteSource } from '../ports/bytes.ts';

export interface NamedSource {
  /** File name for reports (`displayName`). */
  readonly name: string;
  readonly source: ByteSource;
}

/** A file to be verified and everything that was given along with it. */
export interface VerifyInput extends NamedSource {
  /** Documents of a detached signature or an evidence record. */
  readonly detached: readonly NamedSource[];
  /** Documents that are known by their digests only: the first of each algorithm are one document, the second ones the next. */
  readonly digests: readonly { readonly algorithm: DigestAlgorithm; readonly value: Buffer }[];
  /** Evidence records about the file and the documents. */
  readonly evidence: readonly { readonly name: string; readonly bytes: Buffer }[];
  /** Digests of the file itself that the report shall carry. */
  readonly fileDigests: readonly DigestAlgorithm[];
  /** Of an encrypted document. */
  readonly password?: Buffer;
}

/** Something that a signature or an evidence record may be about, computed once for each digest. */
export interface DigestedObject {
  readonly name: string;
  /** Undefined when the bytes are not at hand and this digest of them is not known. */
  digest(algorithm: AnyDigest): Buffer | undefined;
  /** The bytes, the first ones alone where a number is given, where they are at hand and fit into memory. */
  bytes(first?: number): Buffer | undefined;
}

/** Signatures without signed attributes are made over the bytes themselves; more than this is not read for them. */
const maxBytes = 256 * 1024 * 1024;

export function digestedSource({ name, source }: NamedSource): DigestedObject {
  const known = new Map<AnyDigest, Buffer>();
  return {
    name,
    digest(algorithm: AnyDigest): Buffer {
      const digest = known.get(algorithm) ?? source.digest(algorithm);
      known.set(algorithm, digest);
      return digest;
    },
    bytes: (first = source.size) => (first <= maxBytes ? source.read(0, first) : undefined),
  };
}

/** Documents of which only digests are known. */
export function knownByDigest(digests: VerifyInput['digests']): DigestedObject[] {
  const documents: Map<AnyDigest, Buffer>[] = [];
  for (const { algorithm, value } of digests) {
    const open = documents.find((document) => !document.has(algorithm));
    if (open) open.set(algorithm, value);
    else documents.push(new Map<AnyDigest, Buffer>([[algorithm, value]]));
  }
  return documents.map((document, at) => ({
    name: `digest ${at + 1}`,
    digest: (algorithm: AnyDigest): Buffer | undefined => document.get(algorithm),
    bytes: () => undefined,
  }));
}
