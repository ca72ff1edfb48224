import { SealError, type ErrorReport } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import { isDetached } from '../formats/output-parts.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { BatchDocument, DocumentSignature } from '../model/batch.ts';
import type { FileReport, SignatureReport } from '../model/verification.ts';
import type { Verified, VerifyJob, VerifyOptions } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { RevocationData } from '../ports/revocation.ts';
import type { VerifiedDocument } from '../ports/batch-store.ts';
import { fingerprint, KnownRevocation, unique } from './known-revocation.ts';

export type ReleaseEffects = Pick<Effects, 'clock' | 'documents' | 'log' | 'revocation'>;

export interface ReleaseSettings extends Pick<VerifyOptions, 'anchors' | 'certificates' | 'revocationMode' | 'algorithms'> {
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

/** Certificates (DER) and revocation data that prove a batch's signatures: what the archive keeps beside it. */
export interface ReleaseMaterial {
  readonly certificates: readonly Buffer[];
  readonly revocation: Pick<RevocationData, 'crls' | 'ocsps'>;
}

type Wanted = Verified['wanted'];

/** Chains whose certificates are remembered; a signer and an authority make one. */
const rememberedChains = 1_000;

/**
 * Verification before release: each output as a stranger would see it, to the configured anchors, with CRLs and OCSP answers. What is the
 * same for thousands of documents (chains, revocation data) is fetched once and kept for `maxAge`.
 */
export class ReleaseVerifier {
  readonly #fx: ReleaseEffects;
  readonly #settings: ReleaseSettings;
  readonly #known: KnownRevocation;
  /** By the certificates that reports name: those whose status is asked for. */
  readonly #chains = new Map<string, Wanted>();

  constructor(fx: ReleaseEffects, settings: ReleaseSettings) {
    this.#fx = fx;
    this.#settings = settings;
    this.#known = new KnownRevocation(fx, settings.maxAge);
  }

  /** Signed documents of one batch, in their order. */
  async verify(documents: readonly ReleaseDocument[], signal?: AbortSignal): Promise<ReleaseResult> {
    const jobs = documents.map((one) => this.#job(one));
    let answers = await this.#fx.documents.verify(jobs, this.#options(this.#known.data()));
    const wanted = new Map<string, Wanted[number]>();
    for (const answer of answers) if (answer.ok) for (const one of answer.value.wanted) wanted.set(fingerprint(one.certificate), one);
    const failures = await this.#known.ask(wanted.values(), signal);
    if (wanted.size > 0) answers = await this.#fx.documents.verify(jobs, this.#options(this.#known.data()));
    const verified: VerifiedDocument[] = [];
    let wait: ErrorReport | undefined;
    answers.forEach((answer, index) => {
      const { document } = documents[index] ?? {};
      if (document === undefined) return;
      const isOpen = answer.ok && answer.value.wanted.length > 0 && answer.value.report.indication === 'INDETERMINATE';
      if (isOpen && !mayLeave(document, answer.value.report)) wait ??= revocationMissing(answer.value.report, failures);
      else verified.push(this.#judge(document, answer.ok ? answer.value.report : answer.error));
    });
    return { verified, ...(wait === undefined ? {} : { wait }) };
  }

  /**
   * What proves the signatures of verified documents: the same after a restart as before it. Revocation data that cannot be had any more is
   * left out; it was there when the documents were verified.
   * @param documents all of a batch, read to the end; the bytes of their outputs may be missing
   * @param whole one of them with all its bytes; undefined when it is gone
   */
  async material(
    documents: AsyncIterable<BatchDocument>,
    whole: (document: BatchDocument) => Promise<ReleaseDocument | undefined>,
    signal?: AbortSignal,
  ): Promise<ReleaseMaterial> {
    const wanted = new Map<string, Wanted[number]>();
    const seen = new Set<string>();
    let batch: string | undefined;
    for await (const document of documents) {
      batch ??= document.batch;
      const chain = chainOf(document);
      if (chain === undefined || seen.has(chain)) continue;
      seen.add(chain);
      for (const item of await this.#wantedFor(chain, document, whole)) wanted.set(fingerprint(item.certificate), item);
    }
    const all = [...wanted.values()];
    const failures = await this.#known.ask(
      all.filter(({ certificate }) => !this.#known.has(certificate)),
      signal,
    );
    if (failures.length > 0) this.#fx.log.warn({ batch, failures }, 'revocation data is archived without what cannot be had any more');
    const { crls, ocsps } = this.#known.data(all.map(({ certificate }) => certificate));
    return { certificates: unique(all.flatMap(({ certificate, issuer }) => [certificate, issuer])), revocation: { crls, ocsps } };
  }

  /** The certificates of a chain, found by verifying one of its documents without any revocation data. */
  async #wantedFor(chain: string, document: BatchDocument, whole: Parameters<ReleaseVerifier['material']>[1]): Promise<Wanted> {
    const known = this.#chains.get(chain);
    if (known !== undefined) return known;
    const one = await whole(document);
    if (one === undefined) return [];
    const [answer] = await this.#fx.documents.verify([this.#job(one)], this.#options({ crls: [], ocsps: [], failures: [] }));
    if (answer?.ok !== true) return [];
    const [oldest] = this.#chains.keys();
    if (this.#chains.size >= rememberedChains && oldest !== undefined) this.#chains.delete(oldest);
    this.#chains.set(chain, answer.value.wanted);
    return answer.value.wanted;
  }

  #job({ document, input, password }: ReleaseDocument): VerifyJob {
    const { parts } = demandSignature(document);
    return {
      name: displayName(document.relPath),
      file: { input, parts },
      detached: isDetached(parts) ? [input] : [],
      digests: [],
      evidence: [],
      ...(password === undefined ? {} : { password }),
      fileDigests: [...new Set<DigestAlgorithm>(['sha256', this.#settings.archiveDigest])],
    };
  }

  #options(revocation: RevocationData): VerifyOptions {
    const { anchors, certificates, revocationMode, algorithms } = this.#settings;
    return {
      anchors,
      certificates,
      revocation,
      at: this.#fx.clock.now(),
      revocationMode,
      ...(algorithms === undefined ? {} : { algorithms }),
    };
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
      ...(mayLeave(document, outcome) ? {} : { error: refused(document, outcome) }),
    };
  }
}

function demandSignature(document: BatchDocument): DocumentSignature {
  if (document.signature === undefined)
    throw new SealError('SEAL-INTERNAL', 'an unsigned document cannot be verified', { where: displayName(document.relPath) });
  return document.signature;
}

/**
 * Whether an output may be delivered: the signature that was just made is the last one in it, is that of the key's certificate, and passes as
 * a stranger sees it, with the timestamp its level promises. Earlier signatures of others need not be trusted here; they must not be damaged.
 */
function mayLeave({ signature }: BatchDocument, { evidenceRecords, signatures, timestamps }: FileReport): boolean {
  const own = signatures.at(-1);
  if (signature === undefined || own?.signer?.sha256 !== signature.certificate.toString('hex') || own.indication !== 'TOTAL-PASSED')
    return false;
  const stamped = own.timestamps.some(({ indication }) => indication === 'PASSED');
  if (own.timestamps.some(({ indication }) => indication !== 'PASSED') || (signature.level !== 'B-B' && !stamped)) return false;
  const others = signatures.slice(0, -1).every((other) => isUndamaged(other));
  return others && [...timestamps, ...evidenceRecords].every(({ indication }) => indication !== 'FAILED');
}

function isUndamaged({ indication, intact, subIndication, valid }: SignatureReport): boolean {
  return intact && valid && indication !== 'TOTAL-FAILED' && subIndication !== 'SIG_CONSTRAINTS_FAILURE';
}

/** The certificates that a verified document's report names; undefined without one. */
function chainOf({ signature, state }: BatchDocument): string | undefined {
  const report = signature?.report;
  if (report === undefined || state === 'failed') return undefined;
  const timestamps = [...report.timestamps, ...report.signatures.flatMap((one) => one.timestamps)];
  const chains = [...report.signatures, ...timestamps].map(({ chain }) => chain);
  return chains.map(({ certificates }) => certificates.map(({ sha256 }) => sha256).join(' ')).join('\n');
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
