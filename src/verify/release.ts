import { sha256 } from '../formats/digests.ts';
import { SealError, type ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { BatchDocument, DocumentSignature } from '../model/batch.ts';
import type { FileReport } from '../model/verification.ts';
import type { Verified, VerifyJob, VerifyOptions } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { RevocationData } from '../ports/revocation.ts';
import type { VerifiedDocument } from '../ports/store.ts';

export type ReleaseEffects = Pick<Effects, 'clock' | 'documents' | 'log' | 'revocation'>;

export interface ReleaseSettings extends Pick<VerifyOptions, 'anchors' | 'certificates' | 'revocationMode'> {
  /** ms: how old revocation data may be. */
  readonly maxAge: number;
  readonly archiveDigest: DigestAlgorithm;
}

export interface ReleaseDocument {
  readonly document: BatchDocument;
  /** Private copy in the spool. */
  readonly input: Path;
  /** Opens an encrypted document; the caller zeroes it. */
  readonly password?: Buffer;
}

export interface ReleaseResult {
  readonly verified: readonly VerifiedDocument[];
  /** Set when revocation data could not be had: nothing is wrong with the signatures, the check is made again later. */
  readonly wait?: ErrorReport;
}

interface Known {
  readonly data: RevocationData;
  /** UTC ms */
  readonly at: number;
}

/**
 * Verification before release: each output as a stranger would see it, to the configured anchors, with CRLs and OCSP answers. What is the
 * same for thousands of documents (chains, revocation data) is fetched once and kept for `maxAge`.
 */
export class ReleaseVerifier {
  readonly #fx: ReleaseEffects;
  readonly #settings: ReleaseSettings;
  readonly #known = new Map<string, Known>();
  readonly #certificates = new Map<string, Buffer>();

  constructor(fx: ReleaseEffects, settings: ReleaseSettings) {
    this.#fx = fx;
    this.#settings = settings;
  }

  /** Signed documents of one batch, in their order. */
  async verify(documents: readonly ReleaseDocument[], signal?: AbortSignal): Promise<ReleaseResult> {
    const jobs = documents.map((one) => this.#job(one));
    let answers = await this.#fx.documents.verify(jobs, this.#options());
    const wanted = new Map<string, Verified['wanted'][number]>();
    for (const answer of answers) if (answer.ok) for (const one of answer.value.wanted) wanted.set(fingerprint(one.certificate), one);
    const failures = await this.#fetch(wanted, signal);
    if (wanted.size > 0) answers = await this.#fx.documents.verify(jobs, this.#options());
    const verified: VerifiedDocument[] = [];
    let wait: ErrorReport | undefined;
    answers.forEach((answer, index) => {
      const { document } = documents[index] ?? {};
      if (document === undefined) return;
      if (answer.ok && answer.value.wanted.length > 0 && answer.value.report.indication === 'INDETERMINATE')
        wait ??= revocationMissing(answer.value.report, failures);
      else verified.push(this.#judge(document, answer.ok ? answer.value.report : answer.error));
    });
    return { verified, ...(wait === undefined ? {} : { wait }) };
  }

  /** Certificates and revocation data that were used so far: what the archive keeps beside a batch. DER. */
  material(): { readonly certificates: readonly Buffer[]; readonly revocation: Pick<RevocationData, 'crls' | 'ocsps'> } {
    return { certificates: [...this.#certificates.values()], revocation: this.#options().revocation };
  }

  #job({ document, input, password }: ReleaseDocument): VerifyJob {
    const signature = demandSignature(document);
    const detached = signature.parts.every((part) => part instanceof Uint8Array);
    return {
      name: displayName(document.relPath),
      file: { input, parts: signature.parts },
      detached: detached ? [input] : [],
      digests: [],
      evidence: [],
      ...(password === undefined ? {} : { password }),
      fileDigests: [...new Set<DigestAlgorithm>(['sha256', this.#settings.archiveDigest])],
    };
  }

  #options(): VerifyOptions {
    const { anchors, certificates, revocationMode, maxAge } = this.#settings;
    const at = this.#fx.clock.now();
    const crls = new Map<string, Buffer>();
    const ocsps = new Map<string, Buffer>();
    for (const [key, known] of this.#known) {
      if (at - known.at > maxAge) this.#known.delete(key);
      for (const crl of known.data.crls) crls.set(fingerprint(crl), crl);
      for (const ocsp of known.data.ocsps) ocsps.set(fingerprint(ocsp), ocsp);
    }
    return {
      anchors,
      certificates,
      revocation: { crls: [...crls.values()], ocsps: [...ocsps.values()], failures: [] },
      at,
      revocationMode,
    };
  }

  async #fetch(wanted: ReadonlyMap<string, Verified['wanted'][number]>, signal?: AbortSignal): Promise<readonly string[]> {
    const { clock, revocation } = this.#fx;
    const failures: string[] = [];
    for (const [key, { certificate, issuer }] of wanted) {
      const data = await revocation.find(certificate, issuer, clock.now() - this.#settings.maxAge, signal);
      this.#known.set(key, { data, at: clock.now() });
      this.#certificates.set(key, certificate);
      this.#certificates.set(fingerprint(issuer), issuer);
      failures.push(...data.failures);
    }
    return failures;
  }

  #judge(document: BatchDocument, outcome: FileReport | ErrorReport): VerifiedDocument {
    if ('code' in outcome) return { document: document.id, outputDigest: Buffer.alloc(0), outputSize: 0, report: null, error: outcome };
    const digests = new Map(outcome.digests);
    const digest = (algorithm: DigestAlgorithm): Buffer => Buffer.from(digests.get(algorithm) ?? '', 'hex');
    const { archiveDigest } = this.#settings;
    return {
      document: document.id,
      outputDigest: digest('sha256'),
      ...(archiveDigest === 'sha256' ? {} : { archiveDigest: digest(archiveDigest) }),
      outputSize: outcome.size ?? 0,
      report: outcome,
      ...(outcome.indication === 'TOTAL-PASSED' && outcome.signatures.length > 0 ? {} : { error: refused(document, outcome) }),
    };
  }
}

function demandSignature(document: BatchDocument): DocumentSignature {
  if (document.signature === undefined)
    throw new SealError('SEAL-INTERNAL', 'an unsigned document cannot be verified', { where: displayName(document.relPath) });
  return document.signature;
}

function fingerprint(der: Buffer): string {
  return sha256(der).toString('latin1');
}

function reasons(report: FileReport): string {
  const all = [report, ...report.signatures, ...report.signatures.map((signature) => signature.chain)].flatMap((part) => part.errors);
  return [...new Set(all)].slice(0, 5).join('; ');
}

function refused(document: BatchDocument, report: FileReport): ErrorReport {
  const verdict = [report.indication, report.subIndication].filter((word) => word !== undefined).join(' ');
  return new SealError(
    'SEAL-VERIFY-FAILED',
    `the signed document does not verify: ${verdict}${reasons(report) === '' ? '' : ` (${reasons(report)})`}`,
    {
      where: displayName(document.relPath),
      hint: 'look at certificate, trust anchors and revocation data with “sealtree check --sign”; then “batch retry”',
      retryable: true,
    },
  ).toJSON();
}

function revocationMissing(report: FileReport, failures: readonly string[]): ErrorReport {
  return new SealError(
    'SEAL-TRUST-REVOCATION',
    `revocation data is missing: ${[...failures.slice(0, 3), reasons(report)].filter((text) => text !== '').join('; ')}`,
    {
      hint: 'put CRLs where trust.crls points, or make the addresses inside the certificates reachable; the batch goes on by itself',
    },
  ).toJSON();
}
