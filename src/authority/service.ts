import { evaluationPolicy } from './authority.ts';
import { ocspResponder } from './ocsp.ts';
import { timestampResponder } from './tsa.ts';
import type { Effects } from '../ports/effects.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { AuthorityService } from './http.ts';

/** ms that an OCSP answer is good for. */
const ocspValidity = 24 * 3_600_000;
/** ms; the clock is this machine's own, so the figure is a courtesy, not a promise. */
const accuracy = 100;

/** TSA, OCSP responder, CRLs and CA certificates of an authority as one service. @param crl the newest CRL of an issuer */
export function authorityService(
  fx: Pick<Effects, 'clock' | 'random'>,
  authority: EvaluationAuthority,
  crl: AuthorityService['crl'],
): AuthorityService {
  const { root, issuing, tsa, ocsp, registry } = authority;
  const answer = ocspResponder(fx, {
    identity: ocsp,
    issuer: issuing.certificate,
    validity: ocspValidity,
    status: (serialNumber) => registry.status('issuing', serialNumber),
  });
  return {
    timestamp: timestampResponder(fx, { identity: tsa, chain: [issuing.certificate], policy: evaluationPolicy, accuracy }),
    async ocsp(request) {
      // A certificate may have been issued or revoked a moment ago. When the file is damaged CrlPublisher says so; the last good one answers.
      await registry.refresh().catch(() => false);
      return answer(request);
    },
    crl,
    certificate: (name) => (name === 'root' ? root.certificate : name === 'issuing' ? issuing.certificate : undefined),
  };
}
