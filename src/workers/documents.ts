import { parentPort, workerData } from 'node:worker_threads';
import {
  pack,
  progressCells,
  unpackMessage,
  type DocumentAnswer,
  type DocumentMessage,
  type DocumentResult,
} from '../effects/documents-messages.ts';
import { asSealError, SealError } from '../errors.ts';
import { formatFor, formatNamed } from '../formats/index.ts';
import { partsSource, withDigests, type ChunkedSource } from '../formats/memory-source.ts';
import { baseName, displayName } from '../formats/names.ts';
import { loadXml, xmlWanted } from '../formats/xml.ts';
import { TrustKeeper, verifyFile } from '../verify/verify.ts';
import { openFile, type FileSource } from './file-source.ts';
import type { Finished, FinishJob, Prepared, PrepareJob, Verified, VerifyJob, VerifyOptions } from '../ports/documents.ts';
import type { Path } from '../ports/files.ts';

// Reading, hashing and checking go at least this fast, bytes per ms, even over a slow network.
const slowest = 20_000;
/** Evidence records are small; what is longer is none. */
const maxEvidence = 64 * 1024 * 1024;
const keeper = new TrustKeeper();
const progress = new Int32Array(workerData as SharedArrayBuffer);

/** Files of one job; all are closed when it ends. */
class OpenFiles {
  readonly #open: FileSource[] = [];

  open(path: Path, follow = false): FileSource {
    const source = openFile(path, follow);
    this.#open.push(source);
    const bytes = this.#open.reduce((sum, { size }) => sum + size, 0);
    Atomics.store(progress, progressCells.allowance, Math.min(2 ** 30, Math.ceil(bytes / slowest)));
    return source;
  }

  close(): void {
    for (const source of this.#open.splice(0)) source.close();
  }
}

function prepare(job: PrepareJob, files: OpenFiles): Prepared {
  const file = files.open(job.path);
  if (job.unchanged === true) demandUnchanged(file, job.digests);
  const source = withDigests(file, job.digests);
  const format = formatFor(job.format, source);
  const { packaging } = job.parameters;
  // With `auto` the packaging was chosen before the format was known.
  const own = job.format === 'auto' && !format.packagings.includes(packaging) ? (format.packagings[0] ?? packaging) : packaging;
  return { format: format.name, signature: format.prepare(source, { ...job.parameters, packaging: own }) };
}

/** What a person was shown is what is signed. @throws SealError SEAL-DISK-IO */
function demandUnchanged(file: FileSource, digests: PrepareJob['digests']): void {
  const known = digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
  if (known !== undefined && file.digest('sha256').equals(known)) return;
  throw new SealError('SEAL-DISK-IO', 'the private copy is not what it was when it was hashed', {
    hint: 'nothing was signed; check the file system of the data directory, then “batch retry”',
  });
}

function finish({ prepared, signatureValue, signatureTimestamp }: FinishJob): Finished {
  return { parts: formatNamed(prepared.format).finish(prepared.signature, signatureValue, signatureTimestamp) };
}

function verify(job: VerifyJob, options: VerifyOptions, files: OpenFiles): Verified {
  const named = (path: Path): { name: string; source: ChunkedSource } => ({
    name: displayName(baseName(Buffer.from(path))),
    source: files.open(path, true),
  });
  const { file } = job;
  const source =
    typeof file === 'string' || Buffer.isBuffer(file) ? files.open(file, true) : partsSource(file.parts, files.open(file.input, true));
  const evidence = job.evidence.map((path) => {
    const { name, source: record } = named(path);
    return { name, bytes: record.read(0, maxEvidence) };
  });
  const { digests, fileDigests = [], name, password } = job;
  const secret = password === undefined ? {} : { password };
  return verifyFile({ name, source, detached: job.detached.map(named), digests, evidence, fileDigests, ...secret }, options, keeper);
}

function run<J>(jobs: readonly J[], work: (job: J, files: OpenFiles) => DocumentResult): DocumentAnswer {
  return jobs.map((job, index) => {
    const files = new OpenFiles();
    Atomics.store(progress, progressCells.allowance, 0);
    Atomics.store(progress, progressCells.job, index);
    try {
      return { ok: true, value: work(job, files) };
    } catch (thrown) {
      return { ok: false, error: asSealError(thrown).toJSON() };
    } finally {
      files.close();
    }
  });
}

/** What the last message with trust named. */
let trust: VerifyOptions | undefined;

function answer(request: DocumentMessage): DocumentAnswer {
  switch (request.op) {
    case 'prepare':
      return run(request.jobs, prepare);
    case 'finish':
      return run(request.jobs, finish);
    case 'verify': {
      const options = optionsOf(request.options);
      return run(request.jobs, (job, files) => verify(job, options, files));
    }
  }
}

function optionsOf(options: VerifyOptions | Pick<VerifyOptions, 'at'>): VerifyOptions {
  if ('anchors' in options) trust = options;
  if (trust === undefined) throw new Error('the first message names what is trusted');
  return { ...trust, at: options.at };
}

parentPort?.on('message', (bytes: Uint8Array) => {
  void respond(bytes);
});

async function respond(bytes: Uint8Array): Promise<void> {
  const request = unpackMessage(bytes);
  let answered = answer(request);
  if (xmlWanted()) {
    await loadXml();
    answered = answer(request);
  }
  const packed = pack(answered);
  // A document's password may have come along. Trust is remembered, and its options are views of the message.
  if (request.op === 'verify') for (const { password } of request.jobs) password?.fill(0);
  else bytes.fill(0);
  parentPort?.postMessage(packed, [packed.buffer]);
}
