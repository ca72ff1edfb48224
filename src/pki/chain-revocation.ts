import { messageOf, utc } from './findings.ts';
import { certificateStatus, needsNoRevocation } from './revocation.ts';
import { joinUsed, nameOf, nothingUsed, unknownStatus } from './revocation-context.ts';
import type { Certificate } from '../formats/x509.ts';
import type { RevocationCheck } from '../model/verification.ts';
import type { Finding } from './findings.ts';
import type { Path } from './path-building.ts';
import type { PathResult } from './path.ts';
import type { CertificateStatus, RevocationContext, UsedData } from './revocation-context.ts';

/** What revocation data says about all certificates of a path below its anchor. */
export interface PathRevocation {
  readonly checks: readonly RevocationCheck[];
  /** In the order of the path. */
  readonly statuses: readonly CertificateStatus[];
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  /** Those whose status stayed open. */
  readonly open: readonly { readonly certificate: Certificate; readonly issuer: Certificate }[];
  readonly from: number;
  readonly until: number;
  readonly used: UsedData;
}

const notAsked = unknownStatus([]);

/** Nothing was asked: revocation mode `none`. */
export function uncheckedPath(path: Path): PathRevocation {
  const checks = path
    .slice(0, -1)
    .map((certificate): RevocationCheck => ({ certificate: nameInReport(certificate), status: 'not-checked' }));
  return { checks, statuses: [], findings: [], warnings: [], open: [], from: -Infinity, until: Infinity, used: nothingUsed };
}

/**
 * Asks for each certificate of a path that is valid otherwise (RFC 5280 §6.3, RFC 6960, EN 319 102-1 §5.2.6).
 * A missing answer is TRY_LATER, with `soft-fail` a warning; it is never silent.
 */
export function checkPathRevocation(path: Path, result: PathResult, context: RevocationContext): PathRevocation {
  const rows = path.slice(0, -1).map((certificate, at) => checkOne(certificate, at, path, result, context));
  const used = joinUsed(...rows.map(({ status }) => status.used));
  return {
    checks: rows.map(({ check }) => check),
    statuses: rows.map(({ status }) => status),
    findings: rows.flatMap(({ finding }) => finding ?? []),
    warnings: rows.flatMap(({ warnings }) => warnings),
    open: rows.flatMap(({ open }) => open ?? []),
    from: Math.max(-Infinity, ...rows.map(({ status }) => status.from)),
    until: Math.min(Infinity, ...rows.map(({ status }) => status.until)),
    used,
  };
}

interface Row {
  readonly check: RevocationCheck;
  readonly status: CertificateStatus;
  readonly finding?: Finding;
  readonly warnings: readonly string[];
  readonly open?: { readonly certificate: Certificate; readonly issuer: Certificate };
}

function checkOne(certificate: Certificate, at: number, path: Path, { keys }: PathResult, context: RevocationContext): Row {
  const [issuer, issuerKey] = [path[at + 1], keys[at + 1]];
  if (issuer === undefined || issuerKey === undefined || needsNoRevocation(certificate))
    return { check: { certificate: nameInReport(certificate), status: 'not-checked' }, status: notAsked, warnings: [] };
  const status = answer(context, { certificate, issuer, issuerKey });
  const check = describe(certificate, status);
  if (status.status === 'revoked') return { check, status, finding: revokedFinding(certificate, status, at), warnings: [] };
  if (status.status === 'good')
    return { check, status: untilDoubted(status, context.at), warnings: laterRevocation(certificate, status, context.at) };
  const message = `the revocation status of ${nameOf(certificate)} is not known: ${[...status.problems, ...context.trust.revocation.failures].join('; ')}`;
  const open = { certificate, issuer };
  if (context.trust.revocationMode === 'soft-fail') return { check, status, warnings: [message], open };
  return { check, status, finding: { subIndication: 'TRY_LATER', message }, warnings: [], open };
}

/** The warning of `laterRevocation` begins at the date from which the key is doubted. */
function untilDoubted(status: CertificateStatus, at: number): CertificateStatus {
  const { invalidityDate } = status;
  if (invalidityDate === undefined) return status;
  return invalidityDate > at
    ? { ...status, until: Math.min(status.until, invalidityDate) }
    : { ...status, from: Math.max(status.from, invalidityDate) };
}

function answer(context: RevocationContext, subject: Parameters<typeof certificateStatus>[1]): CertificateStatus {
  try {
    return certificateStatus(context, subject);
  } catch (error) {
    return { ...unknownStatus([messageOf(error)]), from: context.at, until: context.at + 1 };
  }
}

function revokedFinding(certificate: Certificate, status: CertificateStatus, at: number): Finding {
  const when = status.revocationTime === undefined ? '' : ` since ${utc(status.revocationTime)}`;
  if (status.reason === 'certificateHold') return { subIndication: 'TRY_LATER', message: `${nameOf(certificate)} is on hold${when}` };
  const why = status.reason === undefined ? '' : ` (${status.reason})`;
  const subIndication = at === 0 ? 'REVOKED_NO_POE' : 'REVOKED_CA_NO_POE';
  return { subIndication, message: `${nameOf(certificate)} is revoked${when}${why}` };
}

/** Good at the time that was asked for; yet a later revocation may say that the key was not safe any more then (RFC 5280 §5.3.2). */
function laterRevocation(certificate: Certificate, status: CertificateStatus, at: number): string[] {
  if (status.invalidityDate === undefined || status.invalidityDate > at) return [];
  return [`${nameOf(certificate)} was revoked later, and its key is not taken for safe since ${utc(status.invalidityDate)}`];
}

function nameInReport(certificate: Certificate): string {
  return certificate.sha256.toString('hex');
}

function describe(certificate: Certificate, status: CertificateStatus): RevocationCheck {
  const iso = (time: number) => new Date(time).toISOString();
  return {
    certificate: nameInReport(certificate),
    status: status.status,
    ...(status.source === undefined ? {} : { source: status.source }),
    ...(status.thisUpdate === undefined ? {} : { thisUpdate: iso(status.thisUpdate) }),
    ...(status.nextUpdate === undefined ? {} : { nextUpdate: iso(status.nextUpdate) }),
    ...(status.revocationTime === undefined ? {} : { revocationTime: iso(status.revocationTime) }),
    ...(status.reason === undefined ? {} : { reason: status.reason }),
  };
}
