import { sameName } from '../formats/names-dn.ts';
import { summarize } from '../formats/x509.ts';
import { checkPathRevocation, uncheckedPath } from './chain-revocation.ts';
import { PathBuilder } from './path-building.ts';
import { validatePath } from './path.ts';
import { joinUsed, nothingUsed } from './revocation-context.ts';
import { isEvaluation } from './trust.ts';
import type { BasicOcspResponse } from '../formats/ocsp.ts';
import type { CertificateList } from '../formats/crl.ts';
import type { Certificate } from '../formats/x509.ts';
import type { ChainReport, SubIndication } from '../model/verification.ts';
import type { PathRevocation } from './chain-revocation.ts';
import type { Finding } from './findings.ts';
import type { Path } from './path-building.ts';
import type { PathResult } from './path.ts';
import type { PolicyInputs } from './policy-graph.ts';
import type { Purpose } from './purposes.ts';
import type { CertificateStatus, RevocationContext, SignerVerdict, UsedData } from './revocation-context.ts';
import type { Trust } from './trust.ts';

/** What came with the thing that is judged, beside what the configuration knows: hostile, used for building only. */
export interface Pool {
  readonly certificates: readonly Certificate[];
  /** DER CertificateList. */
  readonly crls?: readonly Buffer[];
  /** DER BasicOCSPResponse. */
  readonly ocsps?: readonly Buffer[];
}

export interface ChainInputs {
  readonly trust: Trust;
  /** UTC ms: the time at which the certificate must have been good; later revocation data is welcome. */
  readonly at: number;
  readonly purpose: Purpose;
  readonly policies?: PolicyInputs;
  /** UTC ms: revocation data must be later than this (evidence-records 15: later than genTime). */
  readonly freshAfter?: number;
}

/** Everything found out about one certificate. Shared between callers: do not change it. */
export interface ChainResult {
  readonly report: ChainReport;
  /** The certificate first, the anchor last; the certificate alone where no path was found. */
  readonly chain: readonly Certificate[];
  /** In the order of the chain, anchor left out; empty when revocation was not asked. */
  readonly statuses: readonly CertificateStatus[];
  /** DER of certificates whose status stayed open for want of data, with their issuers. */
  readonly wanted: readonly { readonly certificate: Buffer; readonly issuer: Buffer }[];
  /** Certificates (further signers), CRLs and OCSP answers the statuses rest on: what a long-term signature must embed. */
  readonly used: UsedData;
  /** A certificate of the chain belongs to an evaluation authority. */
  readonly evaluation: boolean;
  /** UTC ms: the first end among the dates of its certificates and the algorithms of their signatures. */
  readonly endsAt: number;
  /** UTC ms, half open: the same validation at any time in here has the same outcome. */
  readonly from: number;
  readonly until: number;
}

/** Parsed revocation data of a trust, and what of it could not be read. */
export interface Material {
  readonly crls: readonly CertificateList[];
  readonly ocsps: readonly BasicOcspResponse[];
}

const opened = new WeakMap<Trust, Material>();

function materialOf(trust: Trust): Material {
  const known = opened.get(trust);
  if (known !== undefined) return known;
  const material = readMaterial(trust, trust.revocation.crls, trust.revocation.ocsps);
  opened.set(trust, material);
  return material;
}

function readMaterial({ cache }: Trust, crls: readonly Buffer[], ocsps: readonly Buffer[]): Material {
  return {
    crls: crls.flatMap((der) => readable(() => cache.crl(der))),
    ocsps: ocsps.flatMap((der) => readable(() => cache.ocsp(der))),
  };
}

/** The value, or nothing where bytes of others cannot be read: it is passed over. */
export function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

interface Candidate {
  readonly path: Path;
  readonly result: PathResult;
  readonly revocation: PathRevocation;
  readonly findings: readonly Finding[];
}

/** One validation: paths are built and judged until one convinces. */
export class ChainValidation {
  readonly #pool: Pool;
  readonly #inputs: ChainInputs;
  readonly #material: Material;
  /** Fingerprints of the certificates that are judged further up: who signs revocation data about himself proves nothing. */
  readonly #judging: ReadonlySet<string>;

  constructor(pool: Pool, inputs: ChainInputs, judging: ReadonlySet<string>) {
    const shared = materialOf(inputs.trust);
    const own = readMaterial(inputs.trust, pool.crls ?? [], pool.ocsps ?? []);
    this.#pool = pool;
    this.#inputs = inputs;
    this.#judging = judging;
    this.#material = { crls: [...new Set([...shared.crls, ...own.crls])], ocsps: [...new Set([...shared.ocsps, ...own.ocsps])] };
  }

  /** @param anchor the only one that is accepted, for signers of revocation data */
  run(certificate: Certificate, anchor?: Certificate): ChainResult {
    const builder = new PathBuilder(this.#inputs.trust, this.#pool.certificates, this.#inputs.at);
    let best: Candidate | undefined;
    for (const path of builder.paths(certificate)) {
      if (anchor !== undefined && !sameKey(path.at(-1), anchor)) continue;
      const candidate = this.#judge(path);
      if (best === undefined || rank(candidate) > rank(best)) best = candidate;
      if (candidate.findings.length === 0) break;
    }
    return best === undefined ? this.#noPath(certificate, builder.deadEnds) : this.#resultOf(best);
  }

  #judge(path: Path): Candidate {
    const { at, policies, purpose, trust } = this.#inputs;
    const { cache, catalogue } = trust;
    const result = validatePath(path, { at, purpose, catalogue, cache, ...(policies === undefined ? {} : { policies }) });
    const expired = result.findings.length > 0;
    // A path that is broken otherwise needs no revocation data; of an expired certificate it still tells something.
    if (trust.revocationMode === 'none' || result.findings.some(({ subIndication }) => subIndication !== 'OUT_OF_BOUNDS_NO_POE'))
      return { path, result, revocation: uncheckedPath(path), findings: result.findings };
    const revocation = checkPathRevocation(path, result, this.#context(path, expired));
    return { path, result, revocation, findings: expired ? expiredFindings(result, revocation) : revocation.findings };
  }

  #context(path: Path, anyAge: boolean): RevocationContext {
    const { at, freshAfter, trust } = this.#inputs;
    const anchor = path.at(-1) ?? path[0];
    return {
      trust,
      ...this.#material,
      certificates: this.#pool.certificates,
      at,
      freshAfter: freshAfter ?? -Infinity,
      anyAge,
      judgeSigner: (certificate, purpose) => this.#judgeSigner(certificate, purpose, anchor, path),
    };
  }

  #judgeSigner(certificate: Certificate, purpose: Purpose, anchor: Certificate, path: Path): SignerVerdict {
    const fingerprint = certificate.sha256.toString('latin1');
    const always = { from: -Infinity, until: Infinity, used: nothingUsed };
    if (this.#judging.has(fingerprint))
      return speaksForItself(certificate) ? always : { ...always, problem: 'its own status depends on this answer' };
    const judging = new Set([...this.#judging, fingerprint]);
    const { at, trust } = this.#inputs;
    const pool = { ...this.#pool, certificates: [...this.#pool.certificates, ...path] };
    const result = new ChainValidation(pool, { trust, at, purpose }, judging).run(certificate, anchor);
    const { from, report, until } = result;
    const used = joinUsed(result.used, { ...nothingUsed, certificates: result.chain });
    return { from, until, used, ...(report.indication === 'PASSED' ? {} : { problem: report.errors.join('; ') }) };
  }

  #resultOf({ findings, path, result, revocation }: Candidate): ChainResult {
    const passed = findings.length === 0;
    const [worst] = [...findings].sort((a, b) => severity(b.subIndication) - severity(a.subIndication));
    const chain = path.map((certificate, at) => summarize(certificate, at === path.length - 1));
    const { at } = this.#inputs;
    return {
      report: {
        indication: passed ? 'PASSED' : 'INDETERMINATE',
        ...(worst === undefined ? {} : { subIndication: worst.subIndication }),
        certificates: chain,
        revocation: revocation.checks,
        errors: findings.map(({ message }) => message),
        warnings: [...result.warnings, ...revocation.warnings],
      },
      chain: path,
      statuses: revocation.statuses,
      wanted: revocation.open.map(({ certificate, issuer }) => ({ certificate: certificate.der, issuer: issuer.der })),
      used: revocation.used,
      evaluation: path.some(isEvaluation),
      endsAt: result.endsAt,
      from: passed ? Math.max(result.from, revocation.from) : at,
      until: passed ? Math.min(result.until, revocation.until) : at + 1,
    };
  }

  #noPath(certificate: Certificate, reasons: readonly string[]): ChainResult {
    const { at } = this.#inputs;
    return {
      report: {
        indication: 'INDETERMINATE',
        subIndication: 'NO_CERTIFICATE_CHAIN_FOUND',
        certificates: readable(() => summarize(certificate)),
        revocation: [],
        errors: reasons.length > 0 ? reasons : ['no trust anchor is reached'],
        warnings: [],
      },
      chain: [certificate],
      statuses: [],
      wanted: [],
      used: nothingUsed,
      evaluation: isEvaluation(certificate),
      endsAt: certificate.notAfter + 1000,
      from: at,
      until: at + 1,
    };
  }
}

/** Its issuer has named it in its own certificate as the one whose CRL covers that certificate (RFC 5280 §4.2.1.13 cRLIssuer). */
function speaksForItself(certificate: Certificate): boolean {
  return certificate.crlDistributionPoints.some(({ crlIssuer }) =>
    crlIssuer?.some((name) => name.kind === 'directoryName' && sameName(name.name, certificate.subject)),
  );
}

function sameKey(a: Certificate | undefined, b: Certificate): boolean {
  return a !== undefined && a.spki.equals(b.spki) && a.subject.equals(b.subject);
}

/** EN 319 102-1 §5.2.6.4: an expired certificate that is known not to be revoked is told apart from one of which nothing is known. */
function expiredFindings(result: PathResult, revocation: PathRevocation): Finding[] {
  const revoked = revocation.findings.filter(({ subIndication }) => subIndication !== 'TRY_LATER');
  const good = revocation.statuses.every(({ status }) => status === 'good');
  const dates = result.findings.map((finding): Finding => (good ? { ...finding, subIndication: 'OUT_OF_BOUNDS_NOT_REVOKED' } : finding));
  return [...dates, ...revoked];
}

/** Which of several problems names the whole: the one that no further data can mend. */
const bySeverity: readonly SubIndication[] = [
  'TRY_LATER',
  'OUT_OF_BOUNDS_NOT_REVOKED',
  'OUT_OF_BOUNDS_NO_POE',
  'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
  'REVOKED_CA_NO_POE',
  'REVOKED_NO_POE',
  'CHAIN_CONSTRAINTS_FAILURE',
  'CERTIFICATE_CHAIN_GENERAL_FAILURE',
  'NO_CERTIFICATE_CHAIN_FOUND',
];

function severity(subIndication: SubIndication): number {
  return bySeverity.indexOf(subIndication);
}

/** Higher is nearer to a valid path. */
function rank({ findings }: Candidate): number {
  return -Math.max(-1, ...findings.map(({ subIndication }) => severity(subIndication)));
}
