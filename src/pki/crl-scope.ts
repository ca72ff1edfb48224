import { encode, parse, sequence, Tag } from '../formats/der.ts';
import { sameGeneralName } from '../formats/general-names.ts';
import { sameName } from '../formats/names-dn.ts';
import { revocationReasons } from '../formats/x509-extensions.ts';
import type { CertificateList, IssuingDistributionPoint } from '../formats/crl.ts';
import type { GeneralName } from '../formats/general-names.ts';
import type { Certificate } from '../formats/x509.ts';
import type { DistributionPoint, DistributionPointName, ReasonFlag } from '../formats/x509-extensions.ts';

/** Every reason for which a certificate can be revoked. */
export const allReasons: ReadonlySet<ReasonFlag> = new Set(revocationReasons.filter((reason) => reason !== 'unused'));

/** The distribution points of a certificate, and last the one that stands for any CRL of its issuer (RFC 5280 §6.3.3, end). */
export function distributionPointsOf(certificate: Certificate): DistributionPoint[] {
  const issuer: GeneralName = { kind: 'directoryName', name: certificate.issuer };
  return [...certificate.crlDistributionPoints, { name: { fullName: [issuer] } }];
}

/**
 * Whether a CRL speaks about a certificate through a distribution point (RFC 5280 §6.3.3 (b)).
 * @returns undefined when it does, else why not; an empty reason when it is just somebody else's CRL
 */
export function outOfScope(crl: CertificateList, certificate: Certificate, point: DistributionPoint): string | undefined {
  const scope = crl.issuingDistributionPoint;
  if (point.crlIssuer !== undefined) {
    if (!point.crlIssuer.some((name) => name.kind === 'directoryName' && sameName(name.name, crl.issuer))) return '';
    if (scope?.indirectCRL !== true) return 'it is no indirect CRL';
  } else if (!sameName(crl.issuer, certificate.issuer)) return '';
  return scope === undefined ? undefined : outOfIssuingScope(scope, crl, certificate, point);
}

function outOfIssuingScope(
  scope: IssuingDistributionPoint,
  crl: CertificateList,
  certificate: Certificate,
  point: DistributionPoint,
): string | undefined {
  if (scope.name !== undefined) {
    const own = fullNames(scope.name, crl.issuer);
    const wanted = point.name === undefined ? (point.crlIssuer ?? []) : pointNames(point.name, point, certificate);
    if (!own.some((name) => wanted.some((other) => sameGeneralName(name, other)))) return 'it belongs to another distribution point';
  }
  const ca = certificate.basicConstraints?.ca === true;
  if (scope.onlyContainsUserCerts && ca) return 'it covers no CA certificates';
  if (scope.onlyContainsCACerts && !ca) return 'it covers CA certificates only';
  return scope.onlyContainsAttributeCerts ? 'it covers attribute certificates only' : undefined;
}

function pointNames(name: DistributionPointName, point: DistributionPoint, certificate: Certificate): readonly GeneralName[] {
  const issuers = point.crlIssuer?.flatMap((issuer) => (issuer.kind === 'directoryName' ? [issuer.name] : [])) ?? [];
  return (issuers.length > 0 ? issuers : [certificate.issuer]).flatMap((issuer) => fullNames(name, issuer));
}

/** A name relative to the CRL issuer becomes that issuer's name with one more RDN (RFC 5280 §4.2.1.13). */
function fullNames(name: DistributionPointName, issuer: Buffer): readonly GeneralName[] {
  if ('fullName' in name) return name.fullName;
  return [{ kind: 'directoryName', name: sequence(parse(issuer).content, encode(Tag.set, name.relativeName)) }];
}

/** interim_reasons_mask of RFC 5280 §6.3.3 (d). */
export function coveredReasons(crl: CertificateList, point: DistributionPoint): ReadonlySet<ReasonFlag> {
  const some = crl.issuingDistributionPoint?.onlySomeReasons;
  const { reasons } = point;
  if (some === undefined) return reasons ?? allReasons;
  return reasons === undefined ? some : new Set([...some].filter((reason) => reasons.has(reason)));
}
