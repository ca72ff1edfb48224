import { bundleFiles, proofMark, type BundleFile, type Proof, type ProofObject } from '../archive/bundle.ts';
import type { ProducedRecord } from '../archive/produced-record.ts';
import { materialBlobs } from '../archive/material-blobs.ts';
import { SealError } from '../errors.ts';
import { digestLengths, sha256 } from '../formats/digests.ts';
import { parseEvidenceRecord } from '../formats/ers.ts';
import { baseName, displayName, joinPath } from '../formats/names.ts';
import { distinguishedName, parseCertificate } from '../formats/x509.ts';
import { zipPieces } from '../formats/zip-write.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Blob, Leaf } from '../model/archive.ts';
import type { ExportContext, RecordFile } from './archive-export-format.ts';
import type { ExportFile, Recognition } from './archive-export-write.ts';
import type { Subject } from './archive-selection.ts';
import { digestsOf, findSources, namesOfObjects, piecesOf, portableName, sizeOf } from './archive-sources.ts';

/**
 * A proof bundle: one folder `x.proof/`, or one file `x.proof.zip`.
 * @throws SealError SEAL-DOC-NAME when a folder of that name is something else, SEAL-DOC-HASH when a document changes meanwhile
 */
export async function bundleOf(
  context: ExportContext,
  name: Buffer,
  subject: Subject,
  records: readonly ProducedRecord[],
): Promise<RecordFile[]> {
  const [first] = records;
  if (first === undefined) return [];
  const record = records.reduce((one, other) => (other.provesUntil > one.provesUntil ? other : one), first);
  const files = bundleFiles(await proofOf(context, displayName(name), subject, records), context.trust);
  const ours = markOf(subject.leaf);
  if (context.zip === true) return [{ name: suffixed(name, '.proof.zip'), content: zipPieces(files), ours, record }];
  const folder = suffixed(name, '.proof');
  await demandOwn(context, folder, ours);
  const [head, ...rest] = files.map((file) => inFolder(folder, file));
  return head === undefined ? [] : [{ ...head, record, shown: folder, with: rest }];
}

function suffixed(name: Buffer, suffix: string): Buffer {
  return Buffer.concat([name, Buffer.from(suffix)]);
}

/** `proof.json` stands first, also in a zip. */
function markOf({ members }: Leaf): Recognition {
  const mark = proofMark(members);
  return { bytes: mark.length + 1024, test: (start) => start.includes(mark) };
}

/** Everything in a folder is ours when its `proof.json` is. */
function inFolder(folder: Buffer, { name, content }: BundleFile): ExportFile {
  return {
    name: joinPath(folder, name),
    content: Buffer.isBuffer(content) ? content : content(),
    ours: { bytes: 0, test: () => true },
  };
}

async function demandOwn({ fx: { files }, out }: ExportContext, folder: Buffer, { bytes, test }: Recognition): Promise<void> {
  const path = joinPath(out, folder);
  if ((await files.stat(path)) === undefined) return;
  const head = joinPath(path, 'proof.json');
  const info = await files.stat(head);
  if (info?.kind === 'file' && test(await files.readAt(head, 0, Math.min(info.size, bytes)))) return;
  throw new SealError('SEAL-DOC-NAME', 'something else stands in the place of the export, and nothing is overwritten', {
    where: displayName(path),
    hint: 'choose another --out, or move it away',
  });
}

async function proofOf(context: ExportContext, title: string, subject: Subject, records: readonly ProducedRecord[]): Promise<Proof> {
  const material = await materialOf(context, subject);
  const signature = signatureOf(subject, material);
  const [{ leaf } = subject] = records;
  return {
    title,
    objects: await objectsOf(context, subject, records),
    records,
    ...(signature === undefined ? {} : { signature }),
    material,
    command: `sealtree archive export ${hashName(leaf)} --format bundle --out DIR`,
  };
}

/** `SHA256:HEX` of the first member: works as long as the archive does, without the file. */
function hashName({ members: [first = Buffer.alloc(0)] }: Leaf): string {
  const algorithm = (['sha256', 'sha384', 'sha512'] as const).find((one) => digestLengths[one] === first.length) ?? 'sha256';
  return `${algorithm.toUpperCase()}:${first.toString('hex')}`;
}

/** Certificates and revocation data of the batch; its report and semaphore speak of other documents too. */
async function materialOf({ fx }: ExportContext, { batch, document }: Subject): Promise<Blob[]> {
  if (batch === undefined || document?.signature === undefined) return [];
  const found: Blob[] = [];
  for await (const blob of materialBlobs(fx, batch.id)) if (blob.kind !== 'report' && blob.kind !== 'semaphore') found.push(blob);
  return found;
}

function signatureOf({ document, leaf }: Subject, material: readonly Blob[]): Proof['signature'] {
  const signature = document?.signature;
  if (signature === undefined || leaf.kind === 'document') return undefined;
  const { format, level, signingTime, certificate } = signature;
  const own = material.find(({ kind, bytes }) => kind === 'certificate' && sha256(bytes).equals(certificate));
  const signer = own && distinguishedName(parseCertificate(own.bytes).subject);
  return { format, level, signingTime, ...(signer === undefined ? {} : { signer }) };
}

/** The members of the leaf: the document before its signature; what nobody has any more is there with its hash. */
async function objectsOf(context: ExportContext, subject: Subject, records: readonly ProducedRecord[]): Promise<ProofObject[]> {
  const { members, kind } = subject.leaf;
  const used = digestsIn(records);
  const [digest = 'sha256'] = used;
  const sources = await findSources(context, subject, members, digest);
  const kinds = kind === 'group' ? (['document', 'signature'] as const) : [];
  const names = namesOfObjects(subject, members.length);
  return await Promise.all(
    members.map(async (member, at): Promise<ProofObject> => {
      const source = sources[at];
      const name = names[at] ?? Buffer.from(`object ${at + 1}`);
      const found = source && (await digestsOf(context.fx, source, [digest, member], used));
      return {
        kind: kinds[at] ?? (members.length === 1 ? 'document' : 'object'),
        name: portableName(name),
        shown: displayName(baseName(name)),
        digests: found?.digests ?? new Map([[digest, member]]),
        ...(source === undefined || found === undefined
          ? {}
          : { bytes: { size: sizeOf(source), pieces: () => piecesOf(context.fx, source, found.whole) } }),
      };
    }),
  );
}

/** Digests of the records' chains, that of the tree first. */
function digestsIn(records: readonly ProducedRecord[]): DigestAlgorithm[] {
  const all = records.flatMap(({ der }) =>
    parseEvidenceRecord(der).chains.flatMap(({ timestamps }) => timestamps[0]?.digestAlgorithm ?? []),
  );
  return [...new Set(all.filter((one) => one === 'sha256' || one === 'sha384' || one === 'sha512'))];
}
