import { SealError, type ErrorReport } from '../errors.ts';
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
import type { RevocationData } from '../ports/revocation.ts';
import type { Call } from './context.ts';
import { readTrust } from './trust.ts';

export interface VerifyArgs {
  /** Reports name them as they are given here. */
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
}

type VerifyEffects = Pick<Effects, 'clock' | 'documents' | 'files' | 'revocation'>;

const maxMaterial = 64 * 2 ** 20;
const chunk = 64;
const suffixes = ['.p7s', '.p7m', '.sig'];

/**
 * `verify`: files of any origin, with what belongs to them. Without anchors everything is INDETERMINATE, unless only the structure is asked.
 * A damaged file is a verdict; only what cannot be read at all is an error.
 */
export async function verifyFiles(
  fx: VerifyEffects,
  config: Pick<Config, 'trust'> | undefined,
  args: VerifyArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<VerifyResult> {
  const options = await optionsOf(fx, config, args);
  const jobs = args.files.length === 0 ? [digestJob(args)] : await Promise.all(args.files.map(async (file) => await jobOf(fx, file, args)));
  const named = args.files.length === 0 ? args.evidence : args.files;
  const reports: FileReport[] = [];
  for (let at = 0; at < jobs.length; at += chunk) {
    call.signal.throwIfAborted();
    const part = jobs.slice(at, at + chunk);
    const outcomes = await verifyTwice(fx, part, options, config, call.signal);
    outcomes.forEach((outcome, index) => {
      const file = displayName(named[at + index] ?? '');
      reports.push(outcome.ok ? { ...outcome.value.report, file } : unreadable(file, outcome.error, options.at));
    });
    call.progress({ what: 'verifying', done: reports.length, total: jobs.length });
  }
  const rendered = { text: textReport, html: htmlReport, json: jsonReport }[args.report](reports);
  if (args.out !== undefined) await fx.files.writeDurable(args.out, Buffer.from(rendered), 0o644);
  return { reports, rendered };
}

async function optionsOf(fx: VerifyEffects, config: Pick<Config, 'trust'> | undefined, args: VerifyArgs): Promise<VerifyOptions> {
  const files =
    args.trust.length > 0
      ? await readTrust(fx, { anchors: args.trust, certificates: [] })
      : config === undefined
        ? { anchors: [], certificates: [] }
        : await readTrust(fx, config.trust);
  return {
    ...files,
    revocation: await revocationFiles(fx, args),
    at: args.at ?? fx.clock.now(),
    revocationMode: config?.trust.revocation ?? 'require',
    structureOnly: args.structure,
  };
}

/** CRLs and OCSP responses that were given as files. Hostile input: judged like any other. */
async function revocationFiles(fx: VerifyEffects, args: VerifyArgs): Promise<RevocationData> {
  const crls = await Promise.all(args.crls.map(async (path) => readPem(await fx.files.read(path, maxMaterial), 'X509 CRL')));
  const ocsps = await Promise.all(
    args.ocsps.map(async (path) => {
      const { basic, status } = parseOcspResponse(await fx.files.read(path, maxMaterial));
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

async function jobOf(fx: VerifyEffects, file: string, args: VerifyArgs): Promise<VerifyJob> {
  const info = await fx.files.stat(file);
  if (info?.kind === 'directory')
    throw new SealError('SEAL-USAGE', `${displayName(file)} is a directory`, { hint: 'name the files in it' });
  if (info === undefined)
    throw new SealError('SEAL-INPUT-MISSING', `${displayName(file)} does not exist`, { where: displayName(file), hint: 'check the name' });
  const detached = args.documents.length > 0 ? args.documents : await beside(fx, file);
  return {
    name: displayName(baseName(Buffer.from(file))),
    file,
    detached,
    digests: args.digests,
    evidence: args.evidence,
    fileDigests: ['sha256'],
  };
}

/** The document of a detached signature lies beside it: the same name without the suffix. */
async function beside(fx: VerifyEffects, file: string): Promise<string[]> {
  const suffix = suffixes.find((one) => file.toLowerCase().endsWith(one));
  if (suffix === undefined) return [];
  const document = file.slice(0, -suffix.length);
  return (await fx.files.stat(document))?.kind === 'file' ? [document] : [];
}

/** No file at all: an evidence record over digests. */
function digestJob(args: VerifyArgs): VerifyJob {
  const [record] = args.evidence;
  if (record === undefined)
    throw new SealError('SEAL-USAGE', 'a digest alone proves nothing', { hint: 'name the evidence record with --evidence' });
  return {
    name: displayName(baseName(Buffer.from(record))),
    file: record,
    detached: args.documents,
    digests: args.digests,
    evidence: args.evidence.slice(1),
    fileDigests: [],
  };
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

function unreadable(file: string, error: ErrorReport, at: number): FileReport {
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
