import { SealError } from '../errors.ts';
import { assembleSignedData, buildSignedAttributes, maxCmsSize, maxTimestampTokenSize } from './cms-build.ts';
import { cmsTemplate, type CmsSigner, type CmsTemplate } from './cms-template.ts';
import { PdfDocument } from './pdf/document.ts';
import { placeSignature } from './pdf/placeholder.ts';
import type { Level, SignParameters } from '../model/signature.ts';
import type { ByteSource, OutputPart } from '../ports/bytes.ts';
import type { PreparedSignature, SignatureFormat } from '../ports/format.ts';

/** What `finish` needs again; plain data, so that it crosses threads and the database. */
interface PadesState extends CmsSigner {
  /** Bytes of the document. */
  readonly size: number;
  /** The appended revision up to /Contents, and behind it. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Kept for the CMS, bytes. */
  readonly room: number;
}

/** The signing time is said by /M alone: signing-time must not be in the CMS (EN 319 142-1 §6.3). */
const signedAttributes = { algorithmProtection: true };

/**
 * PAdES baseline signatures B-B and B-T (EN 319 142-1 §6), as an incremental update: not one byte of the document changes, earlier
 * signatures stay valid. Higher levels append revisions of their own to the result.
 */
export const pades: SignatureFormat = {
  name: 'pades',
  levels: ['B-B', 'B-T'],
  packagings: ['embedded'],

  outputName: (name: Buffer): Buffer => name,

  /** A header at the very start, or one behind other bytes with the end of a PDF file: `prepare` tells what is wrong with it. */
  accepts(source: ByteSource): boolean {
    const head = source.read(0, 1024).toString('latin1');
    if (head.startsWith('%PDF-')) return true;
    return head.includes('%PDF-') && source.read(Math.max(0, source.size - 1024), 1024).includes('%%EOF');
  },

  prepare(source: ByteSource, parameters: SignParameters): PreparedSignature {
    const { chain, digest, padding, level, packaging } = parameters;
    if (packaging !== 'embedded')
      throw new SealError('SEAL-DOC-FORMAT', `PAdES signatures cannot be ${packaging}`, { hint: 'choose packaging embedded' });
    if (!pades.levels.includes(level))
      throw new SealError('SEAL-DOC-FORMAT', `PAdES signatures of level ${level} are not made`, { hint: 'choose level B-B or B-T' });
    const signer: CmsSigner = { chain, digest, padding };
    const room = roomFor(signer, level);
    const { before, after } = placeSignature(new PdfDocument(source, parameters.password), parameters, room);
    const covered: OutputPart[] = [{ offset: 0, length: source.size }, before, after];
    const toBeSigned = buildSignedAttributes(signer, source.digest(digest, covered), signedAttributes);
    const state: PadesState = { ...signer, size: source.size, before, after, room };
    return { toBeSigned, state };
  },

  finish(prepared: PreparedSignature, signatureValue: Buffer, signatureTimestamp?: Buffer): OutputPart[] {
    // Made by `prepare` above and opaque to everybody else.
    const state = prepared.state as PadesState;
    const options = signatureTimestamp === undefined ? {} : { signatureTimestamp };
    const signer: CmsSigner = { ...state, chain: state.chain.map(asBuffer) };
    const cms = assembleSignedData(signer, asBuffer(prepared.toBeSigned), signatureValue, options);
    if (cms.length > state.room)
      throw new SealError('SEAL-SIGN-BAD', `the signature takes ${cms.length} bytes, ${state.room} are kept for it`, {
        hint: 'the timestamp is larger than any authority should make it: choose another one',
        retryable: false,
      });
    return [{ offset: 0, length: state.size }, tailWith(state, cms)];
  },
};

/** The appended revision, /Contents filled up with zeros as ISO 32000-2 §12.8.1 allows. */
function tailWith({ before, after, room }: PadesState, cms: Buffer): Buffer {
  const start = before.length + 1;
  const end = start + 2 * room;
  const tail = Buffer.allocUnsafe(end + 1 + after.length);
  tail.set(before);
  tail[start - 1] = 0x3c;
  tail.fill(0x30, tail.write(cms.toString('hex'), start, 'latin1') + start, end);
  tail[end] = 0x3e;
  tail.set(after, end + 1);
  return tail;
}

/** Buffers that were cloned between threads are plain arrays of bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const rooms = new WeakMap<CmsTemplate, Map<Level, number>>();

/** Bytes kept for the CMS: what this key's chain and signatures can take, and a timestamp from B-T on. */
function roomFor(signer: CmsSigner, level: Level): number {
  const template = cmsTemplate(signer);
  const known = rooms.get(template) ?? new Map<Level, number>();
  rooms.set(template, known);
  const room = known.get(level) ?? maxCmsSize(signer, { ...signedAttributes, timestampSize: level === 'B-B' ? 0 : maxTimestampTokenSize });
  known.set(level, room);
  return room;
}
