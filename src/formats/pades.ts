import { SealError } from '../errors.ts';
import { assembleSignedData, buildSignedAttributes, maxCmsSize, maxTimestampTokenSize } from './cms-build.ts';
import { cmsTemplate, type CmsSigner, type CmsTemplate } from './cms-template.ts';
import { PdfDocument } from './pdf/document.ts';
import { placeSignature } from './pdf/placeholder.ts';
import type { Level, SignParameters } from '../model/signature.ts';
import type { ByteRange, ByteSource, OutputPart } from '../ports/bytes.ts';
import type { PreparedSignature, SignatureFormat } from '../ports/format.ts';

/** What `finish` needs again; plain data, so that it crosses threads and the database. */
interface PadesState extends CmsSigner {
  /** Bytes of the document. */
  readonly size: number;
  /** The appended revision; zeros where the CMS belongs. */
  readonly tail: Uint8Array;
  /** The hexadecimal digits of /Contents, in `tail`. */
  readonly contents: ByteRange;
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
    const document = new PdfDocument(source, parameters.password);
    const { tail, contents } = placeSignature(document, parameters, roomFor(signer, level));
    const covered: OutputPart[] = [
      { offset: 0, length: source.size },
      tail.subarray(0, contents.offset - 1),
      tail.subarray(contents.offset + contents.length + 1),
    ];
    const toBeSigned = buildSignedAttributes(signer, source.digest(digest, covered), signedAttributes);
    const state: PadesState = { ...signer, size: source.size, tail, contents };
    return { toBeSigned, state };
  },

  finish(prepared: PreparedSignature, signatureValue: Buffer, signatureTimestamp?: Buffer): OutputPart[] {
    // Made by `prepare` above and opaque to everybody else.
    const state = prepared.state as PadesState;
    const options = signatureTimestamp === undefined ? {} : { signatureTimestamp };
    const signer: CmsSigner = { ...state, chain: state.chain.map(asBuffer) };
    const cms = assembleSignedData(signer, asBuffer(prepared.toBeSigned), signatureValue, options);
    if (2 * cms.length > state.contents.length)
      throw new SealError('SEAL-SIGN-BAD', `the signature takes ${cms.length} bytes, ${state.contents.length / 2} are kept for it`, {
        hint: 'the timestamp is larger than any authority should make it: choose another one',
        retryable: false,
      });
    const tail = Buffer.from(state.tail);
    tail.write(cms.toString('hex'), state.contents.offset, 'latin1');
    return [{ offset: 0, length: state.size }, tail];
  },
};

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
