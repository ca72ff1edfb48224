import {
  algorithmProtection,
  contentTypeAttribute,
  messageDigest,
  signingCertificates,
  type CertificateIdentifier,
} from './cms-attributes.ts';
import { describeDigest, parseDigestAlgorithm, parseSignatureAlgorithm, verifySignature } from './algorithms.ts';
import { digestOf } from './digests.ts';
import { sameName } from './names-dn.ts';
import { oids } from './oids.ts';
import { parseCertificate, type Certificate } from './x509.ts';
import { SealError } from '../errors.ts';
import type { SignerInfo } from './cms-signer-info.ts';
import type { AnyDigest } from '../model/algorithms.ts';
import type { SubIndication } from '../model/verification.ts';

/** The bytes a signature is about. Undefined answers mean that they are not at hand. */
export interface SignedContent {
  digest(algorithm: AnyDigest): Buffer | undefined;
  /** The bytes themselves: only asked for when a signature without signed attributes was made over them directly. */
  bytes(): Buffer | undefined;
}

/** Why a signature is not good, in the words of EN 319 102-1. */
export interface SignerProblem {
  readonly subIndication: SubIndication;
  readonly message: string;
}

/** What the bytes alone tell about one SignerInfo; nothing about trust. */
export interface SignerCheck {
  /** Found among the candidates; undefined when none fits. */
  readonly certificate: Certificate | undefined;
  readonly digestAlgorithm: AnyDigest | undefined;
  /** The content is the one that was signed. */
  readonly intact: boolean;
  /** The signature value fits the certificate. */
  readonly valid: boolean;
  /** The signed attributes name the certificate by its hash. */
  readonly certificateProtected: boolean;
  /** Worst first. */
  readonly problems: readonly SignerProblem[];
  readonly warnings: readonly string[];
}

/**
 * Checks one SignerInfo cryptographically: certificate found and named, digest of the content, signature value, agreement of the attributes
 * (RFC 5652 §5.4–5.6, RFC 5035 §5.4, RFC 6211 §3; EN 319 102-1 §5.2.3, §5.2.7). Hostile input; never throws for it.
 * @param candidates DER; those that are no certificates are passed over
 * @param contentType eContentType of the SignedData; undefined for a countersignature, which has none (RFC 5652 §11.4)
 */
export function checkSigner(
  signer: SignerInfo,
  contentType: string | undefined,
  candidates: readonly Buffer[],
  content: SignedContent,
  parse: (der: Buffer) => Certificate = parseCertificate,
): SignerCheck {
  const problems: SignerProblem[] = [];
  const warnings: string[] = [];
  const report = (subIndication: SubIndication, message: string): void => {
    problems.push({ subIndication, message });
  };
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      report('FORMAT_FAILURE', error.message);
      return undefined;
    }
  };
  const named = attempt(() => signingCertificates(signer.signedAttributes?.attributes ?? [])) ?? [];
  const certificate = findCertificate(signer, candidates, named, parse, report);
  const digestAlgorithm = attempt(() => parseDigestAlgorithm(signer.digestAlgorithm));
  const intact =
    digestAlgorithm !== undefined && attempt(() => checkContent(signer, contentType, digestAlgorithm, content, report)) === true;
  const fits = certificate && digestAlgorithm && attempt(() => checkValue(signer, certificate, digestAlgorithm, content));
  const valid = fits === true;
  if (fits === false) report('SIG_CRYPTO_FAILURE', 'the signature value does not fit the signing certificate');
  attempt(() => {
    checkProtection(signer, report);
  });
  if (digestAlgorithm) checkDigests(signer, digestAlgorithm, report);
  if (signer.signedAttributes?.isDer === false) warnings.push('the signed attributes are not DER');
  if (named.length === 0) warnings.push('the signed attributes do not name the signing certificate');
  return {
    certificate,
    digestAlgorithm,
    intact,
    valid,
    certificateProtected: named.length > 0,
    problems: problems.sort(bySeverity),
    warnings,
  };
}

type Report = (subIndication: SubIndication, message: string) => void;

const severity: readonly SubIndication[] = ['FORMAT_FAILURE', 'HASH_FAILURE', 'SIG_CRYPTO_FAILURE', 'NO_SIGNING_CERTIFICATE_FOUND'];

function bySeverity(one: SignerProblem, other: SignerProblem): number {
  const rank = ({ subIndication }: SignerProblem): number => {
    const at = severity.indexOf(subIndication);
    return at < 0 ? severity.length : at;
  };
  return rank(one) - rank(other);
}

function findCertificate(
  signer: SignerInfo,
  candidates: readonly Buffer[],
  named: readonly CertificateIdentifier[],
  parse: (der: Buffer) => Certificate,
  report: Report,
): Certificate | undefined {
  const fitting = candidates.flatMap((der) => {
    const certificate = readCertificate(der, parse);
    return certificate && identifies(signer, certificate) ? [certificate] : [];
  });
  if (fitting.length === 0) report('NO_SIGNING_CERTIFICATE_FOUND', 'the certificate of the signer is not at hand');
  if (fitting.length === 0 || named.length === 0) return fitting[0];
  const exact = fitting.find((certificate) => named.every((identifier) => isNamed(certificate, identifier)));
  if (exact === undefined)
    report('NO_SIGNING_CERTIFICATE_FOUND', 'the signed attributes name another certificate than the one that is there');
  return exact;
}

function isNamed(certificate: Certificate, { digest, hash, issuerSerial }: CertificateIdentifier): boolean {
  const actual = digest === 'sha256' ? certificate.sha256 : digestOf(digest, certificate.der);
  return actual.equals(hash) && (issuerSerial === undefined || isIssuedAs(certificate, issuerSerial));
}

function isIssuedAs(certificate: Certificate, { issuer, serialNumber }: NonNullable<CertificateIdentifier['issuerSerial']>): boolean {
  if (!certificate.serialNumber.equals(serialNumber)) return false;
  return certificate.issuer.equals(issuer) || sameName(certificate.issuer, issuer);
}

function readCertificate(der: Buffer, parse: (der: Buffer) => Certificate): Certificate | undefined {
  try {
    return parse(der);
  } catch {
    return undefined;
  }
}

function identifies({ sid }: SignerInfo, certificate: Certificate): boolean {
  if ('subjectKeyIdentifier' in sid) {
    try {
      return certificate.subjectKeyIdentifier?.equals(sid.subjectKeyIdentifier) ?? false;
    } catch {
      return false;
    }
  }
  return isIssuedAs(certificate, sid);
}

function checkContent(
  signer: SignerInfo,
  contentType: string | undefined,
  algorithm: AnyDigest,
  content: SignedContent,
  report: Report,
): boolean {
  const actual = content.digest(algorithm);
  // Without signed attributes the value itself covers the content: `checkValue` tells.
  const attributes = signer.signedAttributes?.attributes;
  const expected = attributes && messageDigest(attributes);
  if (attributes !== undefined && expected === undefined) report('FORMAT_FAILURE', 'the signed attributes lack message-digest');
  if (attributes !== undefined && contentType !== undefined && contentTypeAttribute(attributes) !== contentType)
    report('FORMAT_FAILURE', 'the signed attribute content-type does not name the type of the content');
  if (attributes === undefined) {
    // Whoever has a signature over attributes could present them as a document (RFC 5652 §5.3; EN 319 122-1 §6.3 demands them).
    report('SIG_CONSTRAINTS_FAILURE', 'the signature has no signed attributes, so that nothing tells what kind of thing was signed');
    if (contentType !== undefined && contentType !== oids.data)
      report('FORMAT_FAILURE', 'a content of this type must be signed with signed attributes');
  }
  if (actual === undefined) {
    report('SIGNED_DATA_NOT_FOUND', 'the signed document is not at hand');
    return false;
  }
  if (attributes === undefined) return true;
  if (expected?.equals(actual) === true) return true;
  report('HASH_FAILURE', 'the document is not the one that was signed');
  return false;
}

/** Undefined when it cannot be told because the content is not at hand. */
function checkValue(signer: SignerInfo, certificate: Certificate, digest: AnyDigest, content: SignedContent): boolean | undefined {
  const key = certificate.publicKey();
  const { signatureAlgorithm, signatureValue, signedAttributes } = signer;
  const fits = (data: Buffer | undefined): boolean | undefined =>
    data && verifySignature(key, signatureAlgorithm, data, signatureValue, digest);
  if (signedAttributes === undefined) return fits(content.bytes());
  return fits(signedAttributes.toBeSigned);
}

/** RFC 5652 §5.4: attributes are signed with the digest that the content was hashed with (RFC 4056 §3 for PSS). */
function checkDigests({ signatureAlgorithm, signedAttributes }: SignerInfo, digest: AnyDigest, report: Report): void {
  const own = digestOfScheme(signatureAlgorithm, digest);
  if (signedAttributes === undefined || own === undefined || own === digest) return;
  report(
    'SIG_CONSTRAINTS_FAILURE',
    `the document was hashed with ${describeDigest(digest)} and the signature made with ${describeDigest(own)}`,
  );
}

/** Undefined where the scheme has none of its own, or is not supported: such a signature is a bad one anyway. */
function digestOfScheme(identifier: Buffer, messageDigest: AnyDigest): AnyDigest | undefined {
  try {
    const scheme = parseSignatureAlgorithm(identifier, messageDigest);
    return 'digest' in scheme ? scheme.digest : undefined;
  } catch {
    return undefined;
  }
}

function checkProtection(signer: SignerInfo, report: Report): void {
  const stated = algorithmProtection(signer.signedAttributes?.attributes ?? []);
  if (stated === undefined) return;
  const same = (one: Buffer, other: Buffer): boolean => one.equals(other) || parseDigestAlgorithm(one) === parseDigestAlgorithm(other);
  if (!same(stated.digestAlgorithm, signer.digestAlgorithm))
    report('SIG_CONSTRAINTS_FAILURE', 'cms-algorithm-protection names another digest algorithm');
  if (stated.signatureAlgorithm && !stated.signatureAlgorithm.equals(signer.signatureAlgorithm))
    report('SIG_CONSTRAINTS_FAILURE', 'cms-algorithm-protection names another signature algorithm');
}
