import { asSealError, SealError, type ErrorCode, type ErrorReport } from '../errors.ts';
import { baseName, displayName } from '../formats/names.ts';
import { parseOcspResponse } from '../formats/ocsp.ts';
import { readPem } from '../formats/pem.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Config } from '../model/config.ts';
import type { FileReport } from '../model/verification.ts';
import { htmlReport } from '../verify/reports/html.ts';
import { jsonReport } from '../verify/reports/json.ts';
import { textReport } from '../verify/reports/text.ts';
import type { Outcome, Verified, VerifyJob, VerifyOptions } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { RevocationData } from '../ports/revocation.ts';
import type { Call } from './context.ts';
import { readCertificateFiles, readTrust } from './trust.ts';
import { EvidenceIndex } from './verify-evidence.ts';
import { demandFile, documentOf, filesToVerify } from './verify-files.ts';

export interface VerifyArgs {
  /** Files and directories; reports name them as they are given here. */
  readonly files: readonly string[];
  readonly documents: readonly string[];
  readonly evidence: readonly string[];
  readonly digests: readonly { readonly algorithm: DigestAlgorithm; readonly value: Buffer }[];
  /** Instead of the anchors of the configuration. */
  readonly trust: readonly string[];
  readonly crls: readonly string[];
  readonly ocsps: readonly string[];
  /** UTC ms; default: now. */
  readonly at?: number;
  readonly structure: boolean;
  readonly report: 'text' | 'html' | 'json';
  /** Where the report goes. */
  readonly out?: string;
}

export interface VerifyResult {
  readonly reports: readonly FileReport[];
  readonly rendered: string;
  /** Why files could not be read at all; their reports are INDETERMINATE. */
  readonly unreadable: readonly SealError[];
}

/** One report to come: a job, or why there is none. */
interface Item {
  readonly name: string;
  readonly job: VerifyJob | SealError;
}

interface Result {
  readonly report: FileReport;
  /** The file could not be read at all. */
  readonly error?: SealError;
}

const cannotBeRead: ReadonlySet<ErrorCode> = new Set(['SEAL-INPUT-MISSING', 'SEAL-DISK-IO', 'SEAL-DOC-TYPE', 'SEAL-NOT-PERMITTED']);

type VerifyEffects = Pick<Effects, 'clock' | 'documents' | 'files' | 'revocation'>;

const maxMaterial = 64 * 2 ** 20;
const chunk = 64;

/**
 * `verify`: files of any origin, with what belongs to them. Without anchors everything is INDETERMINATE, unless only the structure is asked.
 * A damaged file is a verdict, and of several files one that cannot be read keeps no other from its report.
 * @throws SealError SEAL-INPUT-MISSING, SEAL-DOC-TYPE when none of the files can be read, or anything else that was named; SEAL-USAGE
 */
export async function verifyFiles(
  fx: VerifyEffects,
  config: (Pick<Config, 'trust'> & Partial<Pick<Config, 'roots'>>) | undefined,
  args: VerifyArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<VerifyResult> {
  for (const path of [...args.documents, ...args.evidence]) await demandFile(fx, path);
  const options = await optionsOf(fx, config, args);
  const items = await itemsOf(fx, args, Object.values(config?.roots ?? {}));
  const progress = (done: number): void => {
    call.progress({ what: 'verifying', done, total: items.length });
  };
  if (items.length > 1) progress(0);
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += chunk) {
    call.signal.throwIfAborted();
    results.push(...(await verifyChunk(fx, items.slice(at, at + chunk), options, config, call.signal)));
    progress(results.length);
  }
  const unreadable = results.flatMap(({ error }) => error ?? []);
  if (unreadable.length === results.length && unreadable[0] !== undefined) throw unreadable[0];
  const reports = results.map(({ report }) => report);
  const rendered = { text: textReport, html: htmlReport, json: jsonReport }[args.report](reports);
  if (args.out !== undefined) await fx.files.writeDurable(args.out, Buffer.from(rendered), 0o644);
  return { reports, rendered, unreadable };
}

async function itemsOf(fx: VerifyEffects, args: VerifyArgs, roots: readonly { readonly ready: string }[]): Promise<Item[]> {
  if (args.files.length === 0) return [digestItem(args)];
  const paths = await filesToVerify(fx, args.files, ['READY', ...roots.map(({ ready }) => ready)]);
  if (paths.length === 0)
    throw new SealError('SEAL-INPUT-MISSING', `there is no file in ${args.files.map(displayName).join(', ')}`, {
      hint: 'name a file, or a directory with signed files',
    });
  const index = paths.length > 1 && args.evidence.length > 0 ? await EvidenceIndex.read(fx, args.evidence) : undefined;
  const items: Item[] = [];
  for (const path of paths)
    items.push({ name: displayName(path), job: await jobOf(fx, path, args, index).catch((thrown: unknown) => asSealError(thrown)) });
  return [...items, ...(index?.unused ?? []).map((record) => recordItem(record, args, []))];
}

async function verifyChunk(
  fx: VerifyEffects,
  items: readonly Item[],
  options: VerifyOptions,
  config: Pick<Config, 'trust'> | undefined,
  signal: AbortSignal,
): Promise<Result[]> {
  const jobs = items.flatMap(({ job }) => (job instanceof SealError ? [] : [job]));
  const outcomes = (await verifyTwice(fx, jobs, options, config, signal)).values();
  return items.map(({ name, job }) => {
    if (job instanceof SealError) return { report: noReport(name, job, options.at), error: job };
    const outcome = outcomes.next().value;
    if (outcome === undefined) throw new SealError('SEAL-INTERNAL', 'a file was not verified', { where: name });
    if (outcome.ok) return { report: { ...outcome.value.report, file: name } };
    const report = noReport(name, outcome.error, options.at);
    return cannotBeRead.has(outcome.error.code) ? { report, error: SealError.from(outcome.error) } : { report };
  });
}

async function optionsOf(fx: VerifyEffects, config: Pick<Config, 'trust'> | undefined, args: VerifyArgs): Promise<VerifyOptions> {
  const files =
    args.trust.length > 0
      ? { anchors: await readCertificateFiles(fx, args.trust), certificates: [] }
      : config === undefined
        ? { anchors: [], certificates: [] }
        : await readTrust(fx, config.trust);
  return {
    ...files,
    revocation: await revocationFiles(fx, args),
    at: args.at ?? fx.clock.now(),
    revocationMode: config?.trust.revocation ?? 'require',
    algorithms: config?.trust.algorithms ?? [],
    structureOnly: args.structure,
  };
}

/** CRLs and OCSP responses that were given as files. Hostile input: judged like any other. */
async function revocationFiles(fx: VerifyEffects, args: VerifyArgs): Promise<RevocationData> {
  const crls = await Promise.all(args.crls.map(async (path) => parsed(path, await fx.files.read(path, maxMaterial), readCrls)));
  const ocsps = await Promise.all(
    args.ocsps.map(async (path) => {
      const { basic, status } = parsed(path, await fx.files.read(path, maxMaterial), parseOcspResponse);
      if (basic === undefined)
        throw new SealError('SEAL-INPUT-INVALID', `the OCSP response says ${status}`, {
          where: path,
          hint: 'give a response with the status successful',
        });
      return basic;
    }),
  );
  return { crls: crls.flat(), ocsps, failures: [] };
}

function readCrls(bytes: Buffer): Buffer[] {
  return readPem(bytes, 'X509 CRL');
}

/** Says in which file it was. */
function parsed<T>(path: string, bytes: Buffer, parse: (bytes: Buffer) => T): T {
  try {
    return parse(bytes);
  } catch (thrown) {
    const { code, message, hint } = asSealError(thrown);
    throw new SealError(code, message, { where: displayName(path), cause: thrown, ...(hint === undefined ? {} : { hint }) });
  }
}

/** @param index of the records, where there are several files: each is judged with its own */
async function jobOf(fx: VerifyEffects, file: Path, args: VerifyArgs, index: EvidenceIndex | undefined): Promise<VerifyJob> {
  await demandFile(fx, file);
  const detached = args.documents.length > 0 ? args.documents : await beside(fx, file);
  return {
    name: displayName(baseName(Buffer.from(file))),
    file,
    detached,
    digests: args.digests,
    evidence: index === undefined ? args.evidence : await index.of(fx, [file, ...detached]),
    fileDigests: ['sha256'],
  };
}

/** The document of a detached signature lies beside it: the same name without the suffix. */
async function beside(fx: VerifyEffects, file: Path): Promise<Path[]> {
  const document = documentOf(Buffer.from(file));
  return document !== undefined && (await fx.files.stat(document))?.kind === 'file' ? [document] : [];
}

/** No file at all: an evidence record over digests. */
function digestItem(args: VerifyArgs): Item {
  const [record] = args.evidence;
  if (record === undefined)
    throw new SealError('SEAL-USAGE', 'a digest alone proves nothing', { hint: 'name the evidence record with --evidence' });
  return recordItem(record, args, args.evidence.slice(1));
}

/** A record as the file that is judged. */
function recordItem(record: string, { documents, digests }: VerifyArgs, evidence: readonly string[]): Item {
  const name = displayName(baseName(Buffer.from(record)));
  return { name: displayName(record), job: { name, file: record, detached: documents, digests, evidence, fileDigests: [] } };
}

/** Once with what is at hand; once more when revocation data was missing and could be had. */
async function verifyTwice(
  fx: VerifyEffects,
  jobs: readonly VerifyJob[],
  options: VerifyOptions,
  config: Pick<Config, 'trust'> | undefined,
  signal: AbortSignal,
): Promise<Outcome<Verified>[]> {
  const outcomes = await fx.documents.verify(jobs, options);
  const wanted = outcomes.flatMap((outcome) => (outcome.ok ? outcome.value.wanted : []));
  if (wanted.length === 0 || options.structureOnly === true) return outcomes;
  const found = new Map<string, RevocationData>();
  for (const { certificate, issuer } of wanted) {
    const key = certificate.toString('latin1');
    if (!found.has(key)) found.set(key, await fx.revocation.find(certificate, issuer, options.at - (config?.trust.maxAge ?? 0), signal));
  }
  const all = [options.revocation, ...found.values()];
  const revocation = {
    crls: all.flatMap((data) => data.crls),
    ocsps: all.flatMap((data) => data.ocsps),
    failures: all.flatMap((data) => data.failures),
  };
  return await fx.documents.verify(jobs, { ...options, revocation });
}

function noReport(file: string, error: Pick<ErrorReport, 'code' | 'message'>, at: number): FileReport {
  return {
    file,
    indication: 'INDETERMINATE',
    subIndication: 'CUSTOM',
    evaluation: false,
    validationTime: new Date(at).toISOString(),
    signatures: [],
    timestamps: [],
    evidenceRecords: [],
    errors: [`${error.code}: ${error.message}`],
  };
}
