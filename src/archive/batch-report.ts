import { jsonName, jsonText } from '../formats/json-text.ts';
import { directoryName, joinPath } from '../formats/names.ts';
import type { ErrorReport } from '../errors.ts';
import type { Batch, BatchDocument, DocumentSignature } from '../model/batch.ts';
import type { CertificateSummary, ChainReport, Indication } from '../model/verification.ts';

export interface ReportTimes {
  /** UTC ms. */
  readonly deliveredAt: number;
}

/**
 * One document in `batch-report.json`. Hashes are SHA-256 in lower-case hexadecimal, times ISO 8601 UTC. Names are exact; of one that is not
 * UTF-8 the bytes stand beside it in hexadecimal.
 */
export interface ReportedDocument {
  /** Below the batch. */
  readonly document: string;
  readonly nameBytes?: string;
  readonly state: 'delivered' | 'failed';
  readonly input: { readonly size: number; readonly sha256?: string };
  readonly output?: { readonly file: string; readonly nameBytes?: string; readonly size: number; readonly sha256: string };
  readonly signature?: {
    readonly format: string;
    readonly level: string;
    readonly key: string;
    readonly signingTime: string;
    readonly signer?: CertificateSummary;
  };
  /** What was checked before release. */
  readonly verification?: {
    readonly indication: Indication;
    readonly at: string;
    readonly checked: readonly string[];
    readonly warnings: readonly string[];
  };
  /** Leaves in the archive: tree and index. */
  readonly archive: readonly { readonly tree: string; readonly index: number; readonly what: string }[];
  readonly error?: ErrorReport;
}

/** What the report says of a batch as a whole. */
export interface ReportHead {
  readonly batch: string;
  readonly root: string;
  readonly path: string;
  readonly pathBytes?: string;
  readonly partOf?: string;
  readonly profile: string;
  readonly approvedAt: string;
  readonly claimedAt: string;
  readonly deliveredAt: string;
}

export function reportHead(batch: Batch, { deliveredAt }: ReportTimes): ReportHead {
  const { name, nameBytes } = jsonName(batch.outPath);
  return {
    batch: batch.id,
    root: batch.root,
    path: name,
    ...(nameBytes === undefined ? {} : { pathBytes: nameBytes }),
    ...(batch.partOf === undefined ? {} : { partOf: batch.partOf }),
    profile: batch.profile,
    approvedAt: iso(batch.approvedAt),
    claimedAt: iso(batch.claimedAt),
    deliveredAt: iso(deliveredAt),
  };
}

/** The first bytes of a batch's report: they tell whose output a directory is. */
export function reportBegins({ id }: Pick<Batch, 'id'>): Buffer {
  return Buffer.from(`{\n  "batch": ${jsonText(id)},`);
}

/** `batch-report.json`, piece by piece: a report of a million documents is never in memory as a whole. */
export async function* reportPieces(
  pages: AsyncIterable<readonly BatchDocument[]>,
  batch: Batch,
  times: ReportTimes,
): AsyncGenerator<Uint8Array> {
  let documents = 0;
  let failed = 0;
  let evaluation = false;
  yield Buffer.from(`${jsonText(reportHead(batch, times), 2).slice(0, -2)},\n  "documents": [`);
  for await (const page of pages) {
    for (const document of page) {
      evaluation ||= document.signature?.report?.evaluation === true;
      if (document.state === 'failed') failed++;
      yield Buffer.from(`${documents++ === 0 ? '\n    ' : ',\n    '}${jsonText(reportedDocument(document))}`);
    }
  }
  yield Buffer.from(
    `\n  ],\n  "counts": ${JSON.stringify({ documents, delivered: documents - failed, failed })}${evaluation ? ',\n  "evaluation": "EVALUATION: proves nothing to others"' : ''}\n}\n`,
  );
}

export function reportedDocument(document: BatchDocument): ReportedDocument {
  const { signature, error, state, relPath } = document;
  const sha256 = document.digests.find(([algorithm]) => algorithm === 'sha256')?.[1].toString('hex');
  const delivered = state !== 'failed';
  const { name, nameBytes } = jsonName(relPath);
  return {
    document: name,
    ...(nameBytes === undefined ? {} : { nameBytes }),
    state: delivered ? 'delivered' : 'failed',
    input: { size: document.size, ...(sha256 === undefined ? {} : { sha256 }) },
    ...(delivered && signature?.outputDigest !== undefined ? { output: outputOf(document, signature, signature.outputDigest) } : {}),
    ...(signature === undefined ? {} : signed(signature)),
    archive: (document.leaves ?? []).map(({ tree, index, what }) => ({ tree, index, what })),
    ...(error === undefined ? {} : { error }),
  };
}

function outputOf(
  { relPath }: BatchDocument,
  { outputName, outputSize = 0 }: DocumentSignature,
  digest: Buffer,
): NonNullable<ReportedDocument['output']> {
  const { name, nameBytes } = jsonName(joinPath(directoryName(relPath), outputName));
  return { file: name, ...(nameBytes === undefined ? {} : { nameBytes }), size: outputSize, sha256: digest.toString('hex') };
}

function signed({ format, level, key, signingTime, report }: DocumentSignature): Pick<ReportedDocument, 'signature' | 'verification'> {
  const signer = report?.signatures[0]?.signer;
  const signature = { format, level, key, signingTime: iso(signingTime), ...(signer === undefined ? {} : { signer }) };
  if (report === undefined) return { signature };
  const chains = report.signatures.map(({ chain }) => chain);
  return {
    signature,
    verification: {
      indication: report.indication,
      at: report.validationTime,
      checked: [
        'signature value and signed bytes',
        ...chains.map((chain) => `path of ${chain.certificates.length} certificates to a trust anchor, dates and key usage`),
        ...chains.flatMap(revocationLines),
        ...report.signatures.flatMap(({ timestamps }) =>
          timestamps.map(({ genTime, indication }) => `timestamp ${genTime}: ${indication}`),
        ),
      ],
      warnings: report.signatures.flatMap(({ warnings, chain }) => [...warnings, ...chain.warnings]),
    },
  };
}

/** Each certificate by its name: a digest says nothing to a reader. */
function revocationLines({ certificates, revocation }: ChainReport): string[] {
  return revocation.map(({ certificate, status, source }) => {
    const subject = certificates.find(({ sha256 }) => sha256 === certificate)?.subject ?? certificate;
    return `${subject}: ${status}${source === undefined ? '' : ` (${source.toUpperCase()})`}`;
  });
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
