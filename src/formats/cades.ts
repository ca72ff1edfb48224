import { SealError } from '../errors.ts';
import type { ByteSource, OutputPart } from '../ports/bytes.ts';
import type { PreparedSignature, SignatureFormat } from '../ports/format.ts';
import type { Packaging, SignParameters } from '../model/signature.ts';
import { assembleSignedData, buildSignedAttributes, enclosingSignedData } from './cms-build.ts';
import type { CmsSigner } from './cms-template.ts';

/** What `finish` needs again; plain data, so that it crosses threads and the database. */
interface CadesState extends CmsSigner {
  readonly enclosing: boolean;
  /** Bytes of the document. */
  readonly size: number;
}

const suffixes: Readonly<Partial<Record<Packaging, string>>> = { detached: '.p7s', enveloping: '.p7m' };

/**
 * CAdES baseline signatures B-B and B-T (EN 319 122-1 §6): detached, or around the document (`enveloping`, streamed). Signed attributes:
 * content-type, message-digest, signing-time, signing-certificate-v2, cms-algorithm-protection.
 */
export const cades: SignatureFormat = {
  name: 'cades',
  levels: ['B-B', 'B-T'],
  packagings: ['detached', 'enveloping'],

  outputName(name: Buffer, packaging: Packaging): Buffer {
    return Buffer.concat([name, Buffer.from(suffix(packaging))]);
  },

  /** Any bytes can be signed so, an empty file too. */
  accepts: () => true,

  prepare(source: ByteSource, parameters: SignParameters): PreparedSignature {
    const { chain, digest, padding, packaging, signingTime, level } = parameters;
    suffix(packaging);
    if (!cades.levels.includes(level))
      throw new SealError('SEAL-DOC-FORMAT', `CAdES signatures of level ${level} are not made`, { hint: 'choose level B-B or B-T' });
    const signer: CmsSigner = { chain, digest, padding };
    const toBeSigned = buildSignedAttributes(signer, source.digest(digest), { signingTime, algorithmProtection: true });
    const state: CadesState = { ...signer, enclosing: packaging === 'enveloping', size: source.size };
    return { toBeSigned, state };
  },

  finish(prepared: PreparedSignature, signatureValue: Buffer, signatureTimestamp?: Buffer): OutputPart[] {
    // Made by `prepare` above and opaque to everybody else.
    const state = prepared.state as CadesState;
    const options = signatureTimestamp === undefined ? {} : { signatureTimestamp };
    if (!state.enclosing) return [assembleSignedData(state, prepared.toBeSigned, signatureValue, options)];
    const { head, tail } = enclosingSignedData(state, prepared.toBeSigned, signatureValue, state.size, options);
    return [head, { offset: 0, length: state.size }, tail];
  },
};

function suffix(packaging: Packaging): string {
  const found = suffixes[packaging];
  if (found !== undefined) return found;
  throw new SealError('SEAL-DOC-FORMAT', `CAdES signatures cannot be ${packaging}`, { hint: 'choose packaging detached or enveloping' });
}
