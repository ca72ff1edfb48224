import { createPublicKey } from 'node:crypto';
import { SealError } from '../errors.ts';
import { keyTypeOf, sha256, signatureAlgorithmIdentifier, verifySignature } from '../formats/algorithms.ts';
import { encodeDistinguishedName } from '../formats/names-dn-write.ts';
import { writePem } from '../formats/pem.ts';
import { buildRequest, buildRequestInfo, type AlternativeName } from '../formats/pkcs10.ts';
import { distinguishedName } from '../formats/x509.ts';
import type { RsaPadding, SignatureAlgorithm } from '../model/algorithms.ts';
import type { ManagedKey, RequestKeyUsage } from '../ports/key-management.ts';
import type { Call } from './context.ts';
import { describeKey, keyConfig, withFreeKey, type ManagementService } from './key-management.ts';

export interface RequestArgs {
  readonly name: string;
  /** As RFC 4514 writes it. */
  readonly subject: string;
  /** `email:…`, `dns:…`, `uri:…` */
  readonly san: readonly string[];
  readonly keyUsage: readonly RequestKeyUsage[];
  /** Of the request's own signature, for RSA keys. */
  readonly padding: RsaPadding;
}

export interface RequestView {
  readonly name: string;
  /** PEM, `CERTIFICATE REQUEST`. */
  readonly pem: string;
  readonly subject: string;
  readonly algorithm: string;
  readonly publicKeySha256: string;
}

/**
 * `key csr`: a PKCS#10 request (RFC 2986) for an authority outside, signed by the key itself.
 * @throws SealError SEAL-USAGE for a subject or name that cannot be written, SEAL-KEY-*
 */
export async function requestCertificate(
  service: ManagementService,
  { name, subject: wanted, san, keyUsage, padding }: RequestArgs,
  call: Pick<Call, 'actor' | 'secret'>,
): Promise<RequestView> {
  const config = keyConfig(service, name);
  const subject = encodeDistinguishedName(wanted);
  const alternativeNames = san.map(alternativeName);
  const { fx } = service.app;
  return await withFreeKey(service, name, call, async (pin) => {
    const key = await service.app.manageKey(config).open(pin);
    try {
      const der = await signed(key, buildRequestInfo({ subject, spki: key.spki, keyUsage, alternativeNames }), padding);
      const publicKeySha256 = sha256(key.spki).toString('hex');
      const view = { name, subject: distinguishedName(subject), algorithm: describeKey(key.spki), publicKeySha256 };
      await fx.store.audit({
        at: fx.clock.now(),
        actor: call.actor,
        action: 'key-certificate-requested',
        details: { key: name, subject: view.subject, publicKeySha256, sha256: sha256(der).toString('hex') },
      });
      return { ...view, pem: writePem(der, 'CERTIFICATE REQUEST') };
    } finally {
      await key.close();
    }
  });
}

/** The request, its signature verified before it leaves. */
async function signed(key: ManagedKey, info: Buffer, padding: RsaPadding): Promise<Buffer> {
  const publicKey = createPublicKey({ key: key.spki, format: 'der', type: 'spki' });
  const type = keyTypeOf(publicKey);
  const digest = type.type === 'ec' && type.bits >= 384 ? 'sha384' : 'sha256';
  const algorithm: SignatureAlgorithm = type.type === 'rsa' ? { digest, padding } : { digest };
  const identifier = signatureAlgorithmIdentifier(type, algorithm);
  const signature = await key.sign(info, algorithm);
  if (!verifySignature(publicKey, identifier, info, signature))
    throw new SealError('SEAL-SIGN-BAD', 'the signature over the request does not verify with the public key', {
      hint: 'look at card and driver: private and public key on the token may not belong together',
    });
  return buildRequest(info, identifier, signature);
}

function alternativeName(text: string): AlternativeName {
  const [, kind, value = ''] = /^(email|dns|uri):(.+)$/.exec(text) ?? [];
  if ((kind === 'email' || kind === 'dns' || kind === 'uri') && /^[\u0021-\u007e]+$/.test(value)) return { kind, value };
  throw new SealError('SEAL-USAGE', `“${text}” is no name that can stand in a certificate`, {
    hint: 'write email:seal@example.com, dns:seal.example.com or uri:https://example.com/seal, in ASCII',
  });
}
