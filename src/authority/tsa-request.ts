import { asSealError } from '../errors.ts';
import { digestLengths, parseDigestAlgorithm } from '../formats/algorithms.ts';
import { context, Fields, parse, readBoolean, readOid, readSmall, Tag } from '../formats/der.ts';
import type { Element } from '../formats/der.ts';
import type { AnyDigest } from '../model/algorithms.ts';

/** What is stamped; weaker digests are refused with badAlg. */
const accepted: readonly AnyDigest[] = ['sha256', 'sha384', 'sha512'];

/** Bits of PKIFailureInfo (RFC 3161 §2.4.2). */
export const failureBits = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  systemFailure: 25,
} as const;
export type TimestampFailure = keyof typeof failureBits;

/** A time-stamp request that will be answered with a token. */
export interface TimestampQuery {
  /** DER MessageImprint, as it came: the token repeats it. */
  readonly messageImprint: Buffer;
  /** DER INTEGER, as it came. */
  readonly nonce?: Buffer;
  readonly wantsCertificates: boolean;
}

/** Why a request gets no token. */
export class Refusal extends Error {
  readonly info: TimestampFailure;

  constructor(info: TimestampFailure, message: string) {
    super(message);
    this.info = info;
  }
}

/**
 * Reads a DER TimeStampReq (RFC 3161 §2.4.1). Hostile input.
 * @param policy the one policy (dotted) there is
 * @throws Refusal
 */
export function parseTimestampRequest(request: Buffer, policy: string): TimestampQuery {
  const fields = readFields(request);
  if (fields.version !== 1) throw new Refusal('badRequest', 'version is not 1');
  checkImprint(fields.messageImprint);
  if (fields.policy !== undefined && fields.policy !== policy) throw new Refusal('unacceptedPolicy', `the only policy is ${policy}`);
  if (fields.extensions) throw new Refusal('unacceptedExtension', 'no extension is known here');
  return {
    messageImprint: fields.messageImprint.raw,
    ...(fields.nonce === undefined ? {} : { nonce: fields.nonce }),
    wantsCertificates: fields.wantsCertificates,
  };
}

function readFields(request: Buffer) {
  try {
    const fields = new Fields(parse(request, Tag.sequence), 'TimeStampReq');
    const version = readSmall(fields.next(Tag.integer));
    const messageImprint = fields.next(Tag.sequence);
    const policy = fields.optional(Tag.oid);
    const nonce = fields.optional(Tag.integer);
    const certReq = fields.optional(Tag.boolean);
    const extensions = fields.optional(context(0, true));
    fields.end();
    return {
      version,
      messageImprint,
      policy: policy && readOid(policy),
      nonce: nonce?.raw,
      wantsCertificates: certReq !== undefined && readBoolean(certReq),
      extensions: extensions !== undefined,
    };
  } catch (error) {
    throw new Refusal('badDataFormat', asSealError(error).message);
  }
}

function checkImprint(messageImprint: Element): void {
  const { algorithm, hashed } = readImprint(messageImprint);
  const digest = readDigest(algorithm);
  if (!accepted.includes(digest)) throw new Refusal('badAlg', `${digest} is not stamped here`);
  if (hashed.length !== digestLengths[digest]) throw new Refusal('badDataFormat', 'the hash has the wrong length for its algorithm');
}

function readImprint(messageImprint: Element): { algorithm: Element; hashed: Buffer } {
  try {
    const fields = new Fields(messageImprint, 'MessageImprint');
    const algorithm = fields.next(Tag.sequence);
    const hashed = fields.next(Tag.octetString).content;
    fields.end();
    return { algorithm, hashed };
  } catch (error) {
    throw new Refusal('badDataFormat', asSealError(error).message);
  }
}

function readDigest(algorithm: Element): AnyDigest {
  try {
    return parseDigestAlgorithm(algorithm);
  } catch (error) {
    throw new Refusal('badAlg', asSealError(error).message);
  }
}
