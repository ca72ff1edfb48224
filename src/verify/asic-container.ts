import { SealError } from '../errors.ts';
import { isEvidenceRecordManifest, parseAsicManifest, type AsicManifest } from '../formats/asic.ts';
import { displayName } from '../formats/names.ts';
import { looksLikeZip, readZip, type ZipMember } from '../formats/zip.ts';
import { digestedSource, type DigestedObject, type NamedSource } from './types.ts';
import type { ByteSource } from '../ports/bytes.ts';

/** Manifests, records and signatures are small. */
const maxPart = 64 * 1024 * 1024;
const recordName = /^META-INF\/[^/]*evidencerecord[^/]*\.(ers|xml)$/i;
const signatureName = /^META-INF\/[^/]*signature[^/]*\.p7s$/i;
/** What says nothing about objects: it may lie there. */
const silentName = /^META-INF\/(manifest\.xml|container\.xml|metadata\.xml)$/i;

/** Whether a file is an ASiC container: its first file says so, or its name (EN 319 162-1 §4.4.1). */
export function looksLikeAsic({ source, name }: NamedSource): boolean {
  if (!looksLikeZip(source)) return false;
  const head = source.read(30, 64).toString('latin1');
  return head.startsWith('mimetypeapplication/vnd.etsi.asic-') || /\.(asice|asics|sce|scs)$/i.test(name);
}

/** A signature or evidence record of a container with what says what it covers. */
export interface AsicPart {
  readonly name: string;
  readonly bytes: Buffer;
  /** Absent: ASiC-S, or none names it. */
  readonly manifest: AsicManifest | undefined;
}

/** The files of an ASiC container by what they are for. Hostile input. */
export class AsicContainer {
  /** What is signed and archived: everything outside META-INF. Named as reports show them. */
  readonly objects: readonly NamedSource[];
  /** Signatures, timestamps and manifests of kinds that are not judged. */
  readonly notJudged: readonly string[];
  readonly #members: ReadonlyMap<string, ZipMember>;
  readonly #manifests: readonly { readonly file: string; readonly content: AsicManifest }[];

  /** @throws SealError SEAL-INPUT-INVALID when the zip or a manifest is malformed, SEAL-DOC-LIMIT */
  constructor(source: ByteSource) {
    const members = readZip(source);
    this.#members = new Map(members.map((member) => [member.name, member]));
    const inside = members.filter(({ name }) => name.startsWith('META-INF/'));
    this.objects = members
      .filter(({ name }) => !name.startsWith('META-INF/') && name !== 'mimetype')
      .map((member) => ({ name: displayName(member.name), source: member.open() }));
    const manifests = inside.filter(({ name }) => isEvidenceRecordManifest(name) || /^META-INF\/[^/]*ASiCManifest[^/]*\.xml$/.test(name));
    this.#manifests = manifests.map((member) => ({ file: member.name, content: parseAsicManifest(bytesOf(member)) }));
    for (const { content } of this.#manifests)
      if (!this.#members.has(content.covers)) throw invalid(`a manifest names ${displayName(content.covers)}, which is not there`);
    const known = new Set(manifests.map(({ name }) => name));
    this.notJudged = inside
      .filter(({ name }) => !known.has(name) && !recordName.test(name) && !signatureName.test(name) && !silentName.test(name))
      .map(({ name }) => displayName(name));
  }

  records(): AsicPart[] {
    return this.#parts((name) => recordName.test(name) && !isEvidenceRecordManifest(name));
  }

  /** CAdES. */
  signatures(): AsicPart[] {
    return this.#parts((name) => signatureName.test(name));
  }

  #parts(wanted: (name: string) => boolean): AsicPart[] {
    return [...this.#members.values()]
      .filter(({ name }) => wanted(name))
      .map((member) => ({
        name: displayName(member.name),
        bytes: bytesOf(member),
        manifest: this.#manifests.find(({ content }) => content.covers === member.name)?.content,
      }));
  }

  /** The manifest that a signature signs, as a document. @param name as reports show it */
  manifestOf(name: string): NamedSource | undefined {
    const found = this.#manifests.find(({ content }) => displayName(content.covers) === name);
    const member = found && this.#members.get(found.file);
    return member && { name: displayName(member.name), source: member.open() };
  }

  /** The objects that a manifest names; one that is not there has no digest. */
  named({ references }: AsicManifest): DigestedObject[] {
    return references.map(({ name }) => {
      const member = this.#members.get(name);
      const shown = displayName(name);
      if (member !== undefined) return digestedSource({ name: shown, source: member.open() });
      return { name: shown, digest: () => undefined, bytes: () => undefined };
    });
  }

  /** Where a manifest and the objects differ. */
  mismatches({ references }: AsicManifest): string[] {
    return references.flatMap(({ name, digest, value }) => {
      const member = this.#members.get(name);
      return member === undefined || member.open().digest(digest).equals(value)
        ? []
        : [`${displayName(name)} is not what its manifest names`];
    });
  }

  /** Objects that a manifest names and that are not there. */
  absent({ references }: AsicManifest): string[] {
    return references.flatMap(({ name }) => (this.#members.has(name) ? [] : [displayName(name)]));
  }

  /** The document of a signature that lies beside it. @param name as reports show it */
  documentOf(name: string): NamedSource | undefined {
    const document = /^(.+)\.(p7s|sig)$/i.exec(name)?.[1];
    return this.objects.find((object) => object.name === document);
  }
}

function bytesOf(member: ZipMember): Buffer {
  if (member.size > maxPart) throw new SealError('SEAL-DOC-LIMIT', `${displayName(member.name)} is larger than ${maxPart} bytes`);
  return member.open().read(0, maxPart);
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `ASiC: ${message}`, { hint: 'get the container again from its source' });
}
