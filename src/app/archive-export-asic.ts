import type { ProducedRecord } from '../archive/produced-record.ts';
import { SealError } from '../errors.ts';
import { asicMimeType, encodeEvidenceRecordManifest, evidenceRecordNames } from '../formats/asic.ts';
import { digestLengths } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import { zipPieces, type ZipEntry } from '../formats/zip-write.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { Leaf } from '../model/archive.ts';
import type { ExportContext, RecordFile } from './archive-export-format.ts';
import type { Recognition } from './archive-export-write.ts';
import type { Subject } from './archive-selection.ts';
import { digestsOf, findSources, namesOfObjects, piecesOf, portableName } from './archive-sources.ts';

/**
 * An ASiC-E container `x.asice` (EN 319 162-1 §4.4): document and detached signature as they were delivered, each record with the manifest that
 * names what it covers. Streamed; the same bytes each time.
 * @throws SealError SEAL-INPUT-MISSING when the bytes of an object are nowhere, SEAL-DOC-HASH when one changes meanwhile
 */
export async function asicOf(
  context: ExportContext,
  name: Buffer,
  subject: Subject,
  records: readonly ProducedRecord[],
): Promise<RecordFile[]> {
  const [first] = records;
  if (first === undefined) return [];
  const record = records.reduce((one, other) => (other.provesUntil > one.provesUntil ? other : one), first);
  const { members } = subject.leaf;
  const digest = digestOfLeaf(subject.leaf);
  const names = containerNames(namesOfObjects(subject, members.length), members.length);
  const objects = await objectsOf(context, subject, digest, names);
  const references = members.map((value, at) => ({ name: names[at] ?? '', digest, value }));
  const proofs = records.flatMap(({ der, n }): ZipEntry[] => {
    const inside = evidenceRecordNames(n);
    return [
      { name: inside.manifest, content: encodeEvidenceRecordManifest({ covers: inside.record, references }) },
      { name: inside.record, content: der },
    ];
  });
  const entries = [{ name: 'mimetype', content: Buffer.from(asicMimeType) }, ...proofs, ...objects];
  return [{ name: Buffer.concat([name, Buffer.from('.asice')]), content: zipPieces(entries), ours: earlierContainer(members), record }];
}

async function objectsOf(context: ExportContext, subject: Subject, digest: DigestAlgorithm, names: readonly string[]): Promise<ZipEntry[]> {
  const sources = await findSources(context, subject, subject.leaf.members, digest);
  return await Promise.all(
    sources.map(async (source, at): Promise<ZipEntry> => {
      const name = names[at] ?? '';
      const member = subject.leaf.members[at];
      if (source === undefined || member === undefined)
        throw new SealError('SEAL-INPUT-MISSING', `${displayName(name)} is not at hand, and a container holds the document`, {
          where: displayName(name),
          hint: 'name the file, with its document beside it, or export the record alone with --format ers',
        });
      const { whole } = await digestsOf(context.fx, source, [digest, member]);
      return { name, content: () => piecesOf(context.fx, source, whole) };
    }),
  );
}

function digestOfLeaf({ members: [first] }: Leaf): DigestAlgorithm {
  return (['sha256', 'sha384', 'sha512'] as const).find((one) => digestLengths[one] === first?.length) ?? 'sha256';
}

/** Names that every system takes, none twice, none that has a meaning in a container. */
function containerNames(names: readonly Buffer[], count: number): string[] {
  const taken = new Set(['mimetype', 'meta-inf']);
  return Array.from({ length: count }, (_, at) => {
    const wanted = portableName(names[at] ?? Buffer.from(`object-${at + 1}`));
    let name = wanted;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${n}-${wanted}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** An earlier container of the same object: its first manifest, which stands in front, holds the same hashes. */
function earlierContainer(members: readonly Buffer[]): Recognition {
  return {
    bytes: 1024 * 1024,
    test: (start) => {
      const text = start.toString('latin1');
      return text.startsWith(`mimetype${asicMimeType}`, 30) && members.every((member) => text.includes(`>${member.toString('base64')}<`));
    },
  };
}
