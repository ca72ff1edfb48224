import type { ProofStamp } from './bundle-stamps.ts';
import { sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import { wrapOcspResponse } from '../formats/ocsp.ts';
import { writePem } from '../formats/pem.ts';
import { distinguishedName, type Certificate } from '../formats/x509.ts';
import { isEvaluation, type Trust } from '../pki/trust.ts';
import type { Blob } from '../model/archive.ts';

/** Certificates and revocation data of a proof bundle, as files that openssl reads. */
export interface ProofMaterial {
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
  /** The certificates that are trusted because somebody says so. */
  readonly anchors: readonly Certificate[];
  /** Certificates of an evaluation authority are among them: it proves nothing to others. */
  readonly evaluation: boolean;
}

/**
 * What the timestamps carry inside, what was used when the batch was released, and the anchors that both lead to. Certificates are PEM, CRLs and
 * OCSP responses DER (RFC 6960 OCSPResponse).
 */
export function bundleMaterial(stamps: readonly ProofStamp[], blobs: readonly Blob[], trust: Trust): ProofMaterial {
  const ofBatch = (kind: Blob['kind']): Buffer[] => blobs.flatMap((blob) => (blob.kind === kind ? [blob.bytes] : []));
  const ofStamps = certificates(
    stamps.flatMap(({ parsed }) => parsed.cms.certificates),
    trust,
  );
  const ofSignature = certificates(ofBatch('certificate'), trust);
  const anchors = anchorsOf([...ofStamps, ...ofSignature], trust);
  const crls = once([...stamps.flatMap(({ parsed }) => parsed.cms.crls), ...ofBatch('crl')]);
  const ocsps = once([...stamps.flatMap(({ parsed }) => parsed.cms.ocsps), ...ofBatch('ocsp')]);
  return {
    files: [
      ...pem('certificates/anchors.pem', anchors),
      ...pem('certificates/timestamps.pem', ofStamps),
      ...pem('certificates/signature.pem', ofSignature),
      ...crls.map((bytes, n) => ({ name: `revocation/${n + 1}.crl`, bytes })),
      ...ocsps.map((bytes, n) => ({ name: `revocation/${n + 1}.ocsp`, bytes: wrapOcspResponse(bytes) })),
    ],
    anchors,
    evaluation: [...ofStamps, ...ofSignature, ...anchors].some(isEvaluation),
  };
}

function once(all: readonly Buffer[]): Buffer[] {
  return [...new Map(all.map((bytes) => [sha256(bytes).toString('latin1'), bytes])).values()];
}

/** Those that can be read: of a document's own certificates none is promised to be well formed. */
function certificates(all: readonly Buffer[], { cache }: Trust): Certificate[] {
  return once(all).flatMap((der) => {
    try {
      return [cache.certificate(der)];
    } catch {
      return [];
    }
  });
}

function anchorsOf(all: readonly Certificate[], { anchors }: Trust): Certificate[] {
  const found = all.flatMap((one) => [...anchors.named(one.issuer), ...(anchors.has(one) ? [one] : [])]);
  return [...new Map(found.map((one) => [one.sha256.toString('latin1'), one])).values()];
}

/** With the name above each, as openssl writes and passes over it. */
function pem(name: string, all: readonly Certificate[]): ProofMaterial['files'] {
  const text = all.map(({ der, subject }) => `${displayName(distinguishedName(subject)).replaceAll('-----', '')}\n${writePem(der)}`);
  return all.length === 0 ? [] : [{ name, bytes: Buffer.from(text.join('')) }];
}
