import { verifySignature } from '../formats/algorithms.ts';
import { parseCrl } from '../formats/crl.ts';
import { parseBasicOcspResponse } from '../formats/ocsp.ts';
import { parseCertificate, sha256 } from '../formats/x509.ts';
import type { CertificateList } from '../formats/crl.ts';
import type { BasicOcspResponse } from '../formats/ocsp.ts';
import type { Certificate } from '../formats/x509.ts';
import type { WorkingKey } from './keys.ts';

/** Anything that carries an issuer's signature. */
export interface Signed {
  readonly tbs: Buffer;
  readonly signatureAlgorithm: Buffer;
  readonly signature: Buffer;
  readonly sha256: Buffer;
}

const recentLimit = 8;

/** A map that forgets its oldest entry when it is full. */
class Bounded<T> {
  readonly #limit: number;
  readonly #entries = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  once(key: string, compute: () => T): T {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const value = compute();
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
    return value;
  }
}

/**
 * What does not depend on time or trust, remembered by the SHA-256 of the bytes: parsed objects, and which key verifies which
 * signature. One per thread, passed to whoever validates; thousands of documents share their chains.
 */
export class PkiCache {
  readonly #certificates = new Bounded<Certificate>(4096);
  readonly #crls = new Bounded<CertificateList>(64);
  readonly #ocsps = new Bounded<BasicOcspResponse>(4096);
  readonly #signatures = new Bounded<boolean>(16384);
  /** Those that were asked for last, the latest first: comparing costs a tenth of hashing. */
  readonly #recent: Certificate[] = [];

  /** The bytes are copied, so that a small object keeps no large document in memory. @throws SealError SEAL-INPUT-INVALID */
  certificate(der: Buffer): Certificate {
    for (const known of this.#recent) if (known.der.length === der.length && known.der.equals(der)) return known;
    const certificate = this.#certificates.once(sha256(der).toString('latin1'), () => parseCertificate(Buffer.from(der)));
    this.#recent.unshift(certificate);
    if (this.#recent.length > recentLimit) this.#recent.pop();
    return certificate;
  }

  /** @throws SealError SEAL-INPUT-INVALID */
  crl(der: Buffer): CertificateList {
    return this.#crls.once(sha256(der).toString('latin1'), () => parseCrl(Buffer.from(der)));
  }

  /** @param der BasicOCSPResponse @throws SealError SEAL-INPUT-INVALID */
  ocsp(der: Buffer): BasicOcspResponse {
    return this.#ocsps.once(sha256(der).toString('latin1'), () => parseBasicOcspResponse(Buffer.from(der)));
  }

  /** Whether the key made the signature on a certificate, a CRL or an OCSP answer. */
  verifies(signed: Signed, { id, key }: WorkingKey): boolean {
    return this.#signatures.once(id + signed.sha256.toString('latin1'), () =>
      verifySignature(key, signed.signatureAlgorithm, signed.tbs, signed.signature),
    );
  }
}
