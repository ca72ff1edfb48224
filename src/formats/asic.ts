import { SealError } from '../errors.ts';
import { digestLengths } from './digests.ts';
import { displayName } from './names.ts';
import { looksLikeXml, withXml, type XmlPart } from './xml.ts';
import { digestByUri, digestUris } from './xml-algorithms.ts';
import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';

/** EN 319 162-1 annex A.4 and A.5: content of `mimetype`, the first file, which is not packed. */
export const asicMimeType = 'application/vnd.etsi.asic-e+zip';
const manifestNamespace = 'http://uri.etsi.org/02918/v1.2.1#';
const dsNamespace = 'http://www.w3.org/2000/09/xmldsig#';

/** An object that a manifest names. */
export interface AsicReference {
  /** Name in the container. */
  readonly name: string;
  readonly digest: AnyDigest;
  readonly value: Buffer;
}

/** ASiCManifest (EN 319 162-1 annex A.4). */
export interface AsicManifest {
  /** Name of the signature or evidence record that covers the objects. */
  readonly covers: string;
  readonly references: readonly AsicReference[];
}

/** Names of the n-th evidence record and its manifest (EN 319 162-1 §4.4.3.2 item 4, §4.4.4.2 item 4), from 1. */
export function evidenceRecordNames(n: number): { readonly record: string; readonly manifest: string } {
  const number = String(n).padStart(3, '0');
  return { record: `META-INF/evidencerecord${number}.ers`, manifest: `META-INF/ASiCEvidenceRecordManifest${number}.xml` };
}

/** Whether a file of a container is the manifest of an evidence record. */
export function isEvidenceRecordManifest(name: string): boolean {
  return /^META-INF\/[^/]*ASiCEvidenceRecordManifest[^/]*\.xml$/.test(name);
}

/** Manifest of an evidence record. @param references hashes that the record's first list holds */
export function encodeEvidenceRecordManifest({
  covers,
  references,
}: AsicManifest & { readonly references: readonly (AsicReference & { readonly digest: DigestAlgorithm })[] }): Buffer {
  const objects = references.map(
    ({ name, digest, value }) =>
      `  <asic:DataObjectReference URI="${uriOf(name)}">\n    <ds:DigestMethod Algorithm="${digestUris[digest]}"/>\n` +
      `    <ds:DigestValue>${value.toString('base64')}</ds:DigestValue>\n  </asic:DataObjectReference>\n`,
  );
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      `<asic:ASiCManifest xmlns:asic="${manifestNamespace}" xmlns:ds="${dsNamespace}">\n  <asic:SigReference URI="${uriOf(covers)}"/>\n` +
      `${objects.join('')}</asic:ASiCManifest>\n`,
  );
}

const maxReferences = 10_000;

/** Reads a manifest. Hostile input. @throws SealError SEAL-INPUT-INVALID, SEAL-DOC-LIMIT */
export function parseAsicManifest(bytes: Buffer): AsicManifest {
  if (!looksLikeXml(bytes)) throw invalid('it is no XML');
  return withXml(bytes, (root) => {
    if (root.name !== 'ASiCManifest' || root.namespace !== manifestNamespace) throw invalid('the root is no ASiCManifest');
    const [signature, second] = named(root, 'SigReference', manifestNamespace);
    if (signature === undefined || second !== undefined) throw invalid('it does not name one signature or record');
    const parts = named(root, 'DataObjectReference', manifestNamespace);
    if (parts.length === 0 || parts.length > maxReferences) throw invalid(`it names ${parts.length} objects`);
    return { covers: nameOf(signature), references: parts.map(readReference) };
  });
}

function readReference(part: XmlPart): AsicReference {
  const uri = named(part, 'DigestMethod', dsNamespace)[0]?.attribute('Algorithm') ?? '';
  const digest = digestByUri(uri);
  const text = named(part, 'DigestValue', dsNamespace)[0]?.text().trim() ?? '';
  if (digest === undefined) throw invalid(`digest ${displayName(uri)} is not read`);
  const value = Buffer.from(text, 'base64');
  if (value.length !== digestLengths[digest]) throw invalid(`a DigestValue is no ${digest}`);
  return { name: nameOf(part), digest, value };
}

function nameOf(part: XmlPart): string {
  const uri = part.attribute('URI') ?? '';
  try {
    return decodeURIComponent(uri).replace(/^\//, '');
  } catch {
    throw invalid(`${displayName(uri)} is no name`);
  }
}

function uriOf(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

function named(parent: XmlPart, name: string, namespace: string): XmlPart[] {
  return parent.elements().filter((part) => part.name === name && part.namespace === namespace);
}

function invalid(message: string): SealError {
  return new SealError('SEAL-INPUT-INVALID', `ASiC manifest: ${message}`, { hint: 'get the container again from its source' });
}
