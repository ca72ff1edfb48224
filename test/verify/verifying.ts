import { bufferSource } from '../../src/formats/memory-source.ts';
import { TrustKeeper, verifyFile, type VerifyInput } from '../../src/verify/verify.ts';
import type { FileReport } from '../../src/model/verification.ts';
import type { Verified, VerifyOptions } from '../../src/ports/documents.ts';
import type { TestAuthority } from '../support/authority.ts';

/** What a stranger has who trusts the test authority and has its fresh CRLs. */
export function trusting(authority: TestAuthority, more: Partial<VerifyOptions> = {}): VerifyOptions {
  return {
    anchors: [authority.root.certificate],
    certificates: [],
    revocation: { crls: authority.crls(), ocsps: [], failures: [] },
    at: authority.now(),
    revocationMode: 'require',
    ...more,
  };
}

export interface Given {
  readonly name?: string;
  /** Beside the file, by name. */
  readonly documents?: Readonly<Record<string, Buffer>>;
  readonly evidence?: readonly Buffer[];
  readonly digests?: VerifyInput['digests'];
  readonly fileDigests?: VerifyInput['fileDigests'];
}

/** Verifies bytes in memory. */
export function verifyBytes(file: Buffer, given: Given, options: VerifyOptions, keeper: TrustKeeper = new TrustKeeper()): Verified {
  const { name = 'file', documents = {}, evidence = [], digests = [], fileDigests = [] } = given;
  const input: VerifyInput = {
    name,
    source: bufferSource(file),
    detached: Object.entries(documents).map(([document, bytes]) => ({ name: document, source: bufferSource(bytes) })),
    digests,
    evidence: evidence.map((bytes, at) => ({ name: `evidence ${at}`, bytes })),
    fileDigests,
  };
  return verifyFile(input, options, keeper);
}

/** The file's word, and its signatures' words. */
export function words(report: FileReport): readonly string[] {
  const word = ({ indication, subIndication }: Pick<FileReport, 'indication' | 'subIndication'>): string =>
    subIndication === undefined ? indication : `${indication} ${subIndication}`;
  return [word(report), ...report.signatures.map(word)];
}
