import { readSignedData } from '../formats/cms.ts';
import { messageDigest } from '../formats/cms-attributes.ts';
import { parseDigestAlgorithm } from '../formats/digests.ts';
import { oids } from '../formats/oids.ts';
import { digestedSource, knownByDigest, type DigestedObject, type VerifyInput } from './types.ts';
import { verifyWithCountersignatures } from './countersignatures.ts';
import { verifyToken } from './timestamps.ts';
import type { SignerProblem } from '../formats/cms-verify.ts';
import type { SignerInfo } from '../formats/cms-signer-info.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { SignatureReport, TimestampReport } from '../model/verification.ts';
import type { ByteRange, ByteSource } from '../ports/bytes.ts';
import type { VerifyContext } from './context.ts';

/** Timestamp tokens are small; what is longer is not read into memory as one. */
const maxToken = 64 * 1024 * 1024;

export interface CmsFindings {
  readonly signatures: readonly SignatureReport[];
  readonly timestamps: readonly TimestampReport[];
}

/**
 * Judges a file that is a CMS: signatures beside or around a document (CAdES, `.p7s`, `.p7m`), or a timestamp token. Hostile input.
 * @param provenAt UTC ms: earliest time at which the file is proven to have existed; else the time of verification
 * @throws SealError SEAL-INPUT-INVALID when it is malformed, SEAL-DOC-LIMIT
 */
export function verifyCmsFile(context: VerifyContext, input: VerifyInput, provenAt: number): CmsFindings {
  const cms = readSignedData(input.source);
  const documents = [...input.detached.map(digestedSource), ...knownByDigest(input.digests)];
  if (cms.contentType === oids.tstInfo) return { signatures: [], timestamps: [timestampFile(context, input.source, documents, provenAt)] };
  const signatures = cms.signers.flatMap((signer) => {
    const content = cms.content ? enclosed(input.source, cms.content) : chooseDocument(signer, documents);
    const scope = cms.content ? 'the document inside' : content.name;
    const problems = cms.content ? besideProblems(signer, content, documents) : [];
    return verifyWithCountersignatures(context, { format: 'cades', cms, signer, content, scope, provenAt, problems });
  });
  return { signatures, timestamps: [] };
}

/** Who gives a document along wants to know about that one, not about the one inside. */
function besideProblems(signer: SignerInfo, inside: DigestedObject, beside: readonly DigestedObject[]): SignerProblem[] {
  if (beside.length === 0) return [];
  try {
    const algorithm = parseDigestAlgorithm(signer.digestAlgorithm);
    const digest = inside.digest(algorithm);
    const known = beside.flatMap((document) => document.digest(algorithm) ?? []);
    if (known.length === 0 || known.some((one) => digest?.equals(one) === true)) return [];
  } catch {
    // The signature itself says what is wrong with its digest.
    return [];
  }
  return [{ subIndication: 'HASH_FAILURE', message: 'the document inside the signature is another one than what was given beside it' }];
}

function timestampFile(context: VerifyContext, source: ByteSource, documents: readonly DigestedObject[], at: number): TimestampReport {
  const imprint = (algorithm: AnyDigest): Buffer | undefined => documents[0]?.digest(algorithm);
  return verifyToken(context, source.read(0, maxToken), { kind: 'document-timestamp', at, imprint }).report;
}

function enclosed(source: ByteSource, ranges: readonly ByteRange[]): DigestedObject {
  const size = ranges.reduce((sum, { length }) => sum + length, 0);
  return {
    name: '',
    digest: (algorithm: AnyDigest): Buffer => source.digest(algorithm, ranges),
    bytes: () => (size <= maxToken ? Buffer.concat(ranges.map(({ offset, length }) => source.read(offset, length))) : undefined),
  };
}

/** The document that the signature is about; where none fits, the first one, so that the report says what is wrong. */
function chooseDocument(signer: SignerInfo, documents: readonly DigestedObject[]): DigestedObject {
  const [first] = documents;
  if (first === undefined) return absent;
  if (documents.length === 1) return first;
  return documents.find((document) => fits(signer, document)) ?? first;
}

const absent: DigestedObject = { name: 'no document', digest: () => undefined, bytes: () => undefined };

function fits(signer: SignerInfo, document: DigestedObject): boolean {
  try {
    const expected = messageDigest(signer.signedAttributes?.attributes ?? []);
    const actual = document.digest(parseDigestAlgorithm(signer.digestAlgorithm));
    return expected !== undefined && actual?.equals(expected) === true;
  } catch {
    return false;
  }
}
