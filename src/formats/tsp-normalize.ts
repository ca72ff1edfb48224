import { SealError } from '../errors.ts';
import { context, encode, integer, octetString, oid, retag, sequence, setOf, Tag, type Element } from './der.ts';
import { isDer, toDer } from './der-canonical.ts';
import { oids } from './oids.ts';
import { parseTimestampToken, type TimestampToken } from './tsp.ts';
import type { SignerInfo } from './cms-signer-info.ts';
import type { RevocationData } from '../ports/revocation.ts';

/**
 * The token with its CMS framing in DER (evidence-record rule: BouncyCastle re-encodes before it hashes, DSS does not; in DER both hash the
 * same). eContent, signedAttrs, certificates, CRLs and OCSP responses stay byte-identical; sets of them are put in DER order.
 * Hostile input. Normalising twice gives the same bytes.
 * @throws SealError SEAL-TSA-INVALID when signedAttrs, a certificate or revocation data are not DER: they cannot be changed
 */
export function normalizeToken(token: Buffer): Buffer {
  const parsed = parseTimestampToken(token);
  const { certificateChoices, revocationChoices } = parsed.cms;
  return encodeToken(parsed, certificateChoices.map(rawOf), revocationChoices.map(rawOf));
}

/** What goes into a token for its long life. */
export interface Embedding extends Pick<RevocationData, 'crls' | 'ocsps'> {
  /** DER. */
  readonly certificates: readonly Buffer[];
  /** Drop the CRLs and OCSP responses that are in the token, instead of adding to them (fresher data after genTime). */
  readonly replace?: boolean;
}

/**
 * The token with certificates and revocation data in `SignedData.certificates` and `.crls`, normalised: what Basis-ERS wants. OCSP goes in
 * as OtherRevocationInfoFormat id-pkix-ocsp-basic, and the version is 5 then (RFC 5652 §5.1, §10.2.1). Nothing that is signed changes.
 * @throws SealError SEAL-TSA-INVALID, see `normalizeToken`
 */
export function embedRevocation(token: Buffer, { certificates, crls, ocsps, replace = false }: Embedding): Buffer {
  const parsed = parseTimestampToken(token);
  const { certificateChoices, revocationChoices } = parsed.cms;
  const wrapped = ocsps.map((ocsp) => encode(context(1, true), oid(oids.ocspBasic), ocsp));
  return encodeToken(
    parsed,
    unique([...certificateChoices.map(rawOf), ...certificates]),
    unique([...(replace ? [] : revocationChoices.map(rawOf)), ...crls, ...wrapped]),
  );
}

function rawOf({ raw }: Element): Buffer {
  return raw;
}

function unique(elements: readonly Buffer[]): Buffer[] {
  return [...new Map(elements.map((element) => [element.toString('latin1'), element])).values()];
}

function encodeToken(token: TimestampToken, certificates: readonly Buffer[], revocation: readonly Buffer[]): Buffer {
  if (token.cms.signers.length === 0) throw invalid('has no signer');
  if (![...certificates, ...revocation].every(isDer)) throw invalid('holds certificates or revocation data that are not DER');
  const signedData = sequence(
    integer(version(certificates, revocation)),
    setOf(...token.cms.digestAlgorithms.map(toDer)),
    sequence(oid(token.cms.contentType), encode(context(0, true), octetString(token.tstInfo))),
    ...implicitSet(0, certificates),
    ...implicitSet(1, revocation),
    setOf(...token.cms.signers.map(encodeSigner)),
  );
  return sequence(oid(oids.signedData), encode(context(0, true), signedData));
}

function implicitSet(number: number, elements: readonly Buffer[]): Buffer[] {
  return elements.length === 0 ? [] : [retag(context(number, true), setOf(...elements))];
}

// RFC 5652 §5.1: the content is not id-data, so it is at least 3.
function version(certificates: readonly Buffer[], revocation: readonly Buffer[]): number {
  const other = (choice: Buffer, tag: number): boolean => choice[0] === tag;
  if (certificates.some((choice) => other(choice, context(3, true))) || revocation.some((choice) => other(choice, context(1, true))))
    return 5;
  if (certificates.some((choice) => other(choice, context(2, true)))) return 4;
  return 3;
}

function encodeSigner(signer: SignerInfo): Buffer {
  const { signedAttributes } = signer;
  if (signedAttributes === undefined) throw invalid('has no signed attributes');
  if (!signedAttributes.isDer) throw invalid('has signed attributes that are not DER');
  const { sid } = signer;
  return sequence(
    integer(signer.version),
    'issuer' in sid ? sequence(sid.issuer, encode(Tag.integer, sid.serialNumber)) : encode(context(0), sid.subjectKeyIdentifier),
    signer.digestAlgorithm,
    retag(context(0, true), signedAttributes.toBeSigned),
    signer.signatureAlgorithm,
    octetString(signer.signatureValue),
    ...implicitSet(
      1,
      signer.unsignedAttributes.map(({ raw }) => toDer(raw)),
    ),
  );
}

function invalid(what: string): SealError {
  return new SealError('SEAL-TSA-INVALID', `the timestamp token ${what}`, {
    hint: 'the archive cannot keep such a token; use another timestamp authority',
  });
}
