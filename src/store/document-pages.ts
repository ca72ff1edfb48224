import { leavesByDocument } from './leaf-references.ts';
import { decodeParts } from './parts.ts';
import { wholeReport } from './reports.ts';
import type { ErrorReport } from '../errors.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { BatchDocument, DocumentSignature, DocumentState } from '../model/batch.ts';
import type { OutputPart } from '../ports/bytes.ts';
import type { Store } from '../ports/store.ts';

/**
 * Documents of one batch on their way from the thread of the store: text that SQLite wrote, and one block of bytes. Objects with a Buffer for each
 * column take four times as long, and a batch is read several times.
 */
export interface DocumentPage {
  readonly batch: string;
  /** JSON: a `DocumentRow` a document. */
  readonly rows: string;
  /** JSON: a report or null a document; absent when they are left out. */
  readonly reports?: string;
  /** JSON: by number, what reports have in common. */
  readonly pieces?: string;
  /** JSON: leaf-references.ts. */
  readonly leaves: string;
  /** Column `parts` of all documents, one behind the other; absent when it is left out. */
  readonly bytes?: Uint8Array;
}

/** Which documents of a batch, or which one. */
export type DocumentQuery =
  { readonly batch: string; readonly page: NonNullable<Parameters<Store['documents']>[1]> } | { readonly id: number };

/** Bytes in hexadecimal, empty for NULL. */
type Hex = string;

/** @see rowColumns */
type DocumentRow = readonly [
  id: number,
  seq: number,
  relPath: Hex,
  size: number,
  sha256: Hex,
  sha384: Hex,
  sha512: Hex,
  state: DocumentState,
  error: string | null,
  key: string | null,
  certificate: Hex,
  format: DocumentSignature['format'],
  level: DocumentSignature['level'],
  signingTime: number,
  outputName: Hex,
  outputDigest: Hex,
  archiveDigest: Hex,
  outputSize: number | null,
  shape: Hex,
  parts: number | null,
];

/** A `DocumentRow` as SQL writes it, over documents AS d, keys AS k, signatures AS s, signature_parts AS p. */
export const rowColumns = `json_array(d.id, d.seq, hex(d.rel_path), d.size, hex(d.sha256), hex(d.sha384), hex(d.sha512), d.state, d.error,
  k.name, hex(s.certificate), s.format, s.level, s.signing_time, hex(s.output_name), hex(s.output_digest), hex(s.archive_digest), s.output_size,
  hex(p.shape), octet_length(p.parts))`;

const bytesOf = (hex: Hex): Buffer => Buffer.from(hex, 'hex');

/** The documents of a page. What they have in common (reports' chains, shapes) is one object: it is not changed. */
export function readPage(page: DocumentPage): BatchDocument[] {
  const rows = JSON.parse(page.rows) as readonly DocumentRow[];
  const partsOf = page.bytes === undefined ? shapeReader() : partsReader(page.bytes);
  const reports = page.reports === undefined ? [] : (JSON.parse(page.reports) as readonly unknown[]);
  const pieces = new Map(Object.entries(JSON.parse(page.pieces ?? '{}') as Record<string, unknown>));
  const leaves = leavesByDocument(page.leaves);
  return rows.map((row, at): BatchDocument => {
    const [id, seq, relPath, size, sha256, sha384, sha512, state, error] = row;
    const found = leaves.get(id);
    const signature = signatureOf(row, partsOf, wholeReport(reports[at], pieces));
    return {
      id,
      batch: page.batch,
      seq,
      relPath: bytesOf(relPath),
      size,
      digests: digestsOf([sha256, sha384, sha512]),
      state,
      ...(error === null ? {} : { error: JSON.parse(error) as ErrorReport }),
      ...(signature === undefined ? {} : { signature }),
      ...(found === undefined ? {} : { leaves: found }),
    };
  });
}

const digestNames = ['sha256', 'sha384', 'sha512'] as const;

function digestsOf(values: readonly Hex[]): [DigestAlgorithm, Buffer][] {
  const digests: [DigestAlgorithm, Buffer][] = [];
  digestNames.forEach((name, at) => {
    const value = values[at] ?? '';
    if (value !== '') digests.push([name, bytesOf(value)]);
  });
  return digests;
}

function signatureOf(row: DocumentRow, partsOf: PartsReader, report: unknown): DocumentSignature | undefined {
  const [
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    key,
    certificate,
    format,
    level,
    signingTime,
    outputName,
    outputDigest,
    archiveDigest,
    outputSize,
    shape,
    parts,
  ] = row;
  if (key === null) return undefined;
  return {
    key,
    certificate: bytesOf(certificate),
    format,
    level,
    signingTime,
    parts: partsOf(shape, parts ?? 0),
    outputName: bytesOf(outputName),
    ...(outputDigest === '' ? {} : { outputDigest: bytesOf(outputDigest) }),
    ...(archiveDigest === '' ? {} : { archiveDigest: bytesOf(archiveDigest) }),
    ...(outputSize === null ? {} : { outputSize }),
    ...(report === undefined || report === null ? {} : { report: report as NonNullable<DocumentSignature['report']> }),
  };
}

type PartsReader = (shape: Hex, length: number) => readonly OutputPart[];

/** Views of the block, in the order of the documents. */
function partsReader(block: Uint8Array): PartsReader {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.length);
  let at = 0;
  return (_shape, length) => {
    at += length;
    return decodeParts(bytes.subarray(at - length, at));
  };
}

function shapeReader(): PartsReader {
  const known = new Map<Hex, readonly OutputPart[]>();
  return (shape) => {
    const parts = known.get(shape) ?? decodeParts(bytesOf(shape));
    known.set(shape, parts);
    return parts;
  };
}
