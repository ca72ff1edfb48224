import { SealError } from '../errors.ts';
import { parseSignerInfo } from '../formats/cms-signer-info.ts';
import { digestOf } from '../formats/digests.ts';
import { oids } from '../formats/oids.ts';
import { noCertificate } from './chains.ts';
import { verifySignature, type SignatureQuestion } from './signatures.ts';
import type { Element } from '../formats/der.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { SignatureReport } from '../model/verification.ts';
import type { VerifyContext } from './context.ts';

/** Countersignatures of countersignatures, and all of one signature together. */
const maxDepth = 4;
const maxCountersignatures = 64;

/**
 * Judges a signature and those over its value (RFC 5652 §11.4), each with a verdict of its own behind it. Hostile input.
 * @throws SealError SEAL-DOC-LIMIT for more of them than any honest signature has
 */
export function verifyWithCountersignatures(context: VerifyContext, question: SignatureQuestion): SignatureReport[] {
  const reports: SignatureReport[] = [];
  const visit = (one: SignatureQuestion, depth: number): void => {
    if (reports.length > maxCountersignatures || depth > maxDepth)
      throw new SealError('SEAL-DOC-LIMIT', 'too many countersignatures', { hint: 'no honest signature has so many' });
    reports.push(verifySignature(context, one));
    for (const { type, values } of one.signer.unsignedAttributes)
      if (type === oids.countersignature)
        for (const value of values) {
          const next = questionAbout(one, value);
          if ('cms' in next) visit(next, depth + 1);
          else reports.push(next);
        }
  };
  visit(question, 0);
  return reports;
}

function questionAbout(parent: SignatureQuestion, value: Element): SignatureQuestion | SignatureReport {
  const { cms, format, provenAt } = parent;
  const { signatureValue } = parent.signer;
  const content = { digest: (algorithm: AnyDigest): Buffer => digestOf(algorithm, signatureValue), bytes: () => signatureValue };
  try {
    return { format, cms, signer: parseSignerInfo(value), content, scope: 'the signature before it', provenAt, countersignature: true };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return malformed(parent, error.message);
  }
}

function malformed({ format, provenAt }: SignatureQuestion, message: string): SignatureReport {
  return {
    format,
    level: '-',
    indication: 'TOTAL-FAILED',
    subIndication: 'FORMAT_FAILURE',
    intact: false,
    valid: false,
    trusted: false,
    bestSignatureTime: new Date(provenAt).toISOString(),
    scope: 'the signature before it',
    chain: noCertificate,
    timestamps: [],
    errors: [`countersignature: ${message}`],
    warnings: [],
  };
}
