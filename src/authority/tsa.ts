import { digestAlgorithmIdentifier, digestOf, sha256 } from '../formats/algorithms.ts';
import { context, encode, integer, octetString, oid, sequence, setOf, Tag, unsigned } from '../formats/der.ts';
import { oids } from '../formats/oids.ts';
import { parseCertificate } from '../formats/x509.ts';
import { namedBits } from './extensions.ts';
import { sign, signatureIdentifier } from './signing.ts';
import { failureBits, parseTimestampRequest, Refusal } from './tsa-request.ts';
import type { Effects } from '../ports/effects.ts';
import type { Identity } from './signing.ts';
import type { TimestampFailure, TimestampQuery } from './tsa-request.ts';

/** How the authority stamps. */
export interface TsaOptions {
  /** TSA key and certificate. */
  readonly identity: Identity;
  /** Certificates above the TSA's, DER, without the anchor: sent along when the request wants certificates. */
  readonly chain: readonly Buffer[];
  /** Policy stated in each token, dotted; a request for another one is refused. */
  readonly policy: string;
  /** ms */
  readonly accuracy: number;
}

const signedDataOid = oid(oids.signedData);
const tstInfoOid = oid(oids.tstInfo);
const contentTypeAttribute = sequence(oid(oids.contentType), encode(Tag.set, tstInfoOid));
const messageDigestOid = oid(oids.messageDigest);

/** What is the same in every token: encoded once, so that a token costs little more than its signature. */
interface TokenFrame {
  readonly digestAlgorithm: Buffer;
  readonly signatureAlgorithm: Buffer;
  readonly signingCertificate: Buffer;
  readonly signerIdentifier: Buffer;
  readonly certificates: Buffer;
  readonly policy: Buffer;
  readonly accuracy: Buffer;
}

function frame({ identity, chain, policy, accuracy }: TsaOptions): TokenFrame {
  const { issuer, serialNumber } = parseCertificate(identity.certificate);
  const serial = unsigned(serialNumber);
  const hash = octetString(sha256(identity.certificate));
  const issuerSerial = sequence(sequence(encode(context(4, true), issuer)), serial);
  // ESSCertIDv2 with SHA-256: the algorithm is the DEFAULT and stays out (RFC 5035 §4).
  const certificateIds = sequence(sequence(sequence(hash, issuerSerial)));
  const millis = accuracy % 1000;
  return {
    digestAlgorithm: digestAlgorithmIdentifier(identity.digest),
    signatureAlgorithm: signatureIdentifier(identity),
    signingCertificate: sequence(oid(oids.signingCertificateV2), encode(Tag.set, certificateIds)),
    signerIdentifier: sequence(issuer, serial),
    certificates: encode(context(0, true), ...[identity.certificate, ...chain].sort((a, b) => Buffer.compare(a, b))),
    policy: oid(policy),
    accuracy: sequence(
      ...(accuracy >= 1000 ? [integer(Math.floor(accuracy / 1000))] : []),
      ...(millis > 0 ? [encode(context(0), integer(millis).subarray(2))] : []),
    ),
  };
}

/**
 * An RFC 3161 time-stamp authority: DER TimeStampReq in (hostile), DER TimeStampResp out. Never rejects: what it cannot stamp is
 * answered with a rejection and its reason. Tokens are of the Basis-ERS shape: one SignerInfo v1 with issuerAndSerialNumber, CMS
 * version 3, signing-certificate-v2, no unsigned attributes. Serial numbers hold the time and 80 random bits, so they stay unique
 * over restarts and crashes without a counter.
 */
export function timestampResponder(fx: Pick<Effects, 'clock' | 'random'>, options: TsaOptions): (request: Buffer) => Promise<Buffer> {
  const fixed = frame(options);
  return async (request) => {
    try {
      const query = parseTimestampRequest(request, options.policy);
      return sequence(sequence(integer(0)), await token(fx, options.identity, fixed, query));
    } catch (error) {
      return error instanceof Refusal ? rejection(error.info, error.message) : rejection('systemFailure', 'the token could not be signed');
    }
  };
}

/** TimeStampResp with status "rejection" (2), a text and one failure bit. */
function rejection(info: TimestampFailure, text: string): Buffer {
  return sequence(sequence(integer(2), sequence(encode(Tag.utf8String, Buffer.from(text, 'utf8'))), namedBits([failureBits[info]])));
}

async function token(fx: Pick<Effects, 'clock' | 'random'>, identity: Identity, fixed: TokenFrame, query: TimestampQuery): Promise<Buffer> {
  const info = timestampInfo(fx, fixed, query);
  const messageDigest = octetString(digestOf(identity.digest, info));
  const attributes = setOf(contentTypeAttribute, sequence(messageDigestOid, encode(Tag.set, messageDigest)), fixed.signingCertificate);
  const signature = await sign(identity, attributes);
  const implicit = Buffer.from(attributes);
  implicit[0] = context(0, true);
  const signerInfo = sequence(
    integer(1),
    fixed.signerIdentifier,
    fixed.digestAlgorithm,
    implicit,
    fixed.signatureAlgorithm,
    octetString(signature),
  );
  const signedData = sequence(
    integer(3),
    encode(Tag.set, fixed.digestAlgorithm),
    sequence(tstInfoOid, encode(context(0, true), octetString(info))),
    ...(query.wantsCertificates ? [fixed.certificates] : []),
    encode(Tag.set, signerInfo),
  );
  return sequence(signedDataOid, encode(context(0, true), signedData));
}

/** DER TSTInfo (RFC 3161 §2.4.2). */
function timestampInfo(fx: Pick<Effects, 'clock' | 'random'>, fixed: TokenFrame, query: TimestampQuery): Buffer {
  const now = fx.clock.now();
  const serial = Buffer.alloc(16);
  serial.writeUIntBE(now, 0, 6);
  fx.random.bytes(10).copy(serial, 6);
  return sequence(
    integer(1),
    fixed.policy,
    query.messageImprint,
    unsigned(serial),
    preciseTime(now),
    ...(fixed.accuracy.length > 2 ? [fixed.accuracy] : []),
    ...(query.nonce === undefined ? [] : [query.nonce]),
  );
}

/** GeneralizedTime with milliseconds, without zeros at the end (RFC 3161 §2.4.2). @param time UTC, ms */
function preciseTime(time: number): Buffer {
  const [whole, fraction = ''] = new Date(time)
    .toISOString()
    .replace(/[-:TZ]/g, '')
    .split('.');
  const digits = fraction.replace(/0+$/, '');
  return encode(Tag.generalizedTime, Buffer.from(`${whole}${digits === '' ? '' : `.${digits}`}Z`));
}
