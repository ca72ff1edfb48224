import { verifySignature } from '../../formats/algorithms.ts';
import { parseCertificate } from '../../formats/x509.ts';
import type { Certificate } from '../../formats/x509.ts';

const longest = 8;

/**
 * The signer's certificate and its issuers as far as they are at hand. Self-signed ones are anchors and are left out; a certificate belongs
 * above another when its name fits and its key made the signature.
 * @param candidates DER, in any order; what cannot be read is passed over
 * @returns DER, signer first
 */
export function orderChain(signer: Certificate, candidates: readonly Buffer[]): Buffer[] {
  const others = candidates.flatMap(readable);
  const chain = [signer];
  for (let last = signer; chain.length < longest && !last.selfIssued;) {
    const issuer = others.find((other) => !chain.includes(other) && other.subject.equals(last.issuer) && issued(other, last));
    if (issuer === undefined || issuer.selfIssued) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain.map((certificate) => certificate.der);
}

function readable(der: Buffer): Certificate[] {
  try {
    return [parseCertificate(der)];
  } catch {
    return [];
  }
}

function issued(issuer: Certificate, certificate: Certificate): boolean {
  try {
    return verifySignature(issuer.publicKey(), certificate.signatureAlgorithm, certificate.tbs, certificate.signature);
  } catch {
    return false;
  }
}
