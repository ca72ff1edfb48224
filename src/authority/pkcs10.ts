import { createPublicKey } from 'node:crypto';
import { SealError } from '../errors.ts';
import { verifySignature } from '../formats/algorithms.ts';
import { nameValues } from '../formats/names-dn.ts';
import { oids } from '../formats/oids.ts';
import { readPem } from '../formats/pem.ts';
import type { KeyObject } from 'node:crypto';

/** What the CA takes from a PKCS#10 request: the rest it decides itself. */
export interface CertificationRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
}

const hint = 'give a PKCS#10 request as PEM or DER, with a common name in its subject';

/**
 * Reads a PKCS#10 request (RFC 2986) and checks that its maker holds the private key. Hostile input.
 * @param input PEM or DER
 * @throws SealError SEAL-INPUT-INVALID
 */
export async function readCertificationRequest(input: Buffer): Promise<CertificationRequest> {
  const [der] = [...readPem(input, 'CERTIFICATE REQUEST'), ...(input[0] === 0x30 ? [] : readPem(input, 'NEW CERTIFICATE REQUEST'))];
  if (der === undefined || der.length > 65_536) throw new SealError('SEAL-INPUT-INVALID', 'not a certification request', { hint });
  const { subject, spki, signatureAlgorithm, signature, signed } = await unfold(der);
  const publicKey = readKey(spki);
  if (!verifySignature(publicKey, signatureAlgorithm, signed, signature)) {
    throw new SealError('SEAL-INPUT-INVALID', 'the request is not signed with the key it names', {
      hint: 'make the request again with the private key of this card',
    });
  }
  const [commonName] = nameValues(subject, oids.commonName);
  if (commonName === undefined) throw new SealError('SEAL-INPUT-INVALID', 'the request has no common name', { hint });
  return { commonName, publicKey };
}

/** The fields as DER; pkijs is loaded only here, where somebody asks for a certificate. */
async function unfold(der: Buffer) {
  const { CertificationRequest: Pkcs10 } = await import('pkijs');
  try {
    const request = Pkcs10.fromBER(new Uint8Array(der));
    return {
      subject: Buffer.from(request.subject.toSchema().toBER()),
      spki: Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER()),
      signatureAlgorithm: Buffer.from(request.signatureAlgorithm.toSchema().toBER()),
      signature: Buffer.from(request.signatureValue.valueBlock.valueHexView),
      signed: Buffer.from(request.tbsView),
    };
  } catch (cause) {
    throw new SealError('SEAL-INPUT-INVALID', 'the certification request cannot be read', { cause, hint });
  }
}

function readKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new SealError('SEAL-INPUT-INVALID', 'the key in the certification request is not supported', { cause, hint: 'use RSA or ECDSA' });
  }
}
