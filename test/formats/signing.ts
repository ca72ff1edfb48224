import { constants, createHash, sign, type KeyObject } from 'node:crypto';
import { cades } from '../../src/formats/cades.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import type { DigestAlgorithm, RsaPadding } from '../../src/model/algorithms.ts';
import type { Packaging, SignParameters } from '../../src/model/signature.ts';
import type { OutputPart } from '../../src/ports/bytes.ts';
import type { SignatureFormat } from '../../src/ports/format.ts';
import type { TestAuthority, TestIdentity } from '../support/authority.ts';

/** Signs as a SigningKey does: RSA block, or DER {r, s}. */
export function signValue(key: KeyObject, data: Buffer, digest: DigestAlgorithm, padding: RsaPadding): Buffer {
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(digest, data, { key, ...(padding === 'pss' && key.asymmetricKeyType === 'rsa' ? pss : {}) });
}

/** The output file that the parts describe. */
export function assemble(parts: readonly OutputPart[], input: Buffer): Buffer {
  return Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : input.subarray(part.offset, part.offset + part.length))));
}

export interface SigningOptions {
  readonly digest?: DigestAlgorithm;
  readonly padding?: RsaPadding;
  readonly packaging?: Packaging;
  readonly signingTime?: number;
  /** B-T, with a token of this authority. */
  readonly timestampFrom?: Pick<TestAuthority, 'timestamp'>;
  readonly format?: SignatureFormat;
  /** Of an encrypted document. */
  readonly password?: Buffer;
}

/** Signs a document in memory through the format, as the signer does. */
export async function signDocument(identity: TestIdentity, document: Buffer, options: SigningOptions = {}): Promise<Buffer> {
  const { digest = 'sha256', padding = 'pkcs1', packaging = 'detached', format = cades, timestampFrom } = options;
  const parameters: SignParameters = {
    chain: identity.chain,
    digest,
    padding,
    packaging,
    level: timestampFrom ? 'B-T' : 'B-B',
    signingTime: options.signingTime ?? Math.floor(Date.now() / 1000) * 1000,
    ...(options.password && { password: options.password }),
  };
  const prepared = format.prepare(bufferSource(document), parameters);
  const value = signValue(identity.privateKey, prepared.toBeSigned, digest, padding);
  const token = await timestampFrom?.timestamp('sha256', createHash('sha256').update(value).digest());
  return assemble(format.finish(prepared, value, token), document);
}
