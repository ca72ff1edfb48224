import { asSealError, SealError } from '../../errors.ts';
import type { Certificate } from '../../formats/x509.ts';
import { validateChain, type ChainResult } from '../../pki/chain.ts';
import type { Purpose } from '../../pki/purposes.ts';
import type { Trust } from '../../pki/trust.ts';
import type { Effects } from '../../ports/effects.ts';
import { failed, ok, warning, type Finding } from './finding.ts';

/** Whose certificate is judged, with what is known beside it. */
export interface Subject {
  readonly what: string;
  readonly certificate: Certificate;
  /** Intermediates that came with it. */
  readonly others: readonly Certificate[];
  readonly purpose: Purpose;
}

const reachable =
  'let the daemon reach these addresses (trust.allowHosts where they are inside your network), or put CRLs where trust.crls points';

/**
 * Whether a certificate leads to an anchor and nobody revoked anything on the way. The addresses inside the certificates are asked also
 * where configured CRLs would do: those end one day.
 * @param trust without revocation data of its own
 */
export async function checkRevocation(
  fx: Pick<Effects, 'clock' | 'revocation'>,
  trust: Trust,
  subject: Subject,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { what } = subject;
  if (trust.revocationMode === 'none') return [warning(what, 'not asked whether it is revoked: trust.revocation is none')];
  const { result, failures } = await judge(fx, trust, subject, signal);
  const { report } = result;
  if (report.indication === 'PASSED')
    return [ok(what, describe(result)), ...failures.filter(isAddress).map((failure) => warning(what, failure, reachable))];
  const message = [...new Set([...report.errors, ...failures])].join('; ');
  if (report.subIndication !== 'TRY_LATER')
    return [
      failed(
        what,
        new SealError('SEAL-VERIFY-FAILED', message, {
          hint: 'put the root of this certificate into trust.anchors and its intermediates into trust.certificates; do not use a certificate that is revoked',
        }),
      ),
    ];
  if (trust.revocationMode === 'soft-fail') return [warning(what, message, reachable)];
  return [failed(what, new SealError('SEAL-TRUST-REVOCATION', message, { hint: reachable }))];
}

/** Certificates of a chain, and signers of the answers, whose status is asked: more rounds only bring answers about answers. */
const maxRounds = 4;

async function judge(
  fx: Pick<Effects, 'clock' | 'revocation'>,
  trust: Trust,
  { certificate, others, purpose }: Subject,
  signal: AbortSignal,
): Promise<{ readonly result: ChainResult; readonly failures: readonly string[] }> {
  const now = fx.clock.now();
  const inputs = { trust: { ...trust, revocationMode: 'require' as const }, at: now, purpose };
  const [crls, ocsps, failures, asked] = [new Set<Buffer>(), new Set<Buffer>(), new Set<string>(), new Set<string>()];
  const look = (): ChainResult => validateChain(certificate, { certificates: others, crls: [...crls], ocsps: [...ocsps] }, inputs);
  let result = look();
  for (let round = 0; round < maxRounds; round++) {
    const open = result.wanted.filter((one) => !asked.has(one.certificate.toString('latin1')));
    if (open.length === 0) break;
    for (const one of open) {
      asked.add(one.certificate.toString('latin1'));
      const found = await fx.revocation.find(one.certificate, one.issuer, now, signal).catch((thrown: unknown) => {
        signal.throwIfAborted();
        return { crls: [], ocsps: [], failures: [asSealError(thrown).message] };
      });
      for (const crl of found.crls) crls.add(crl);
      for (const ocsp of found.ocsps) ocsps.add(ocsp);
      for (const failure of found.failures) failures.add(failure);
    }
    result = look();
  }
  return { result, failures: [...failures] };
}

/** A configured file that cannot be read has a line of its own. */
function isAddress(failure: string): boolean {
  return /^https?:/.test(failure);
}

function describe({ report }: ChainResult): string {
  const asked = report.revocation.filter(({ status }) => status === 'good');
  const sources = [...new Set(asked.map(({ source }) => source?.toUpperCase() ?? ''))].join(' and ');
  const [first] = asked.flatMap(({ nextUpdate }) => (nextUpdate === undefined ? [] : [nextUpdate])).sort();
  if (asked.length === 0) return 'trusted; its certificates need no revocation data';
  return `trusted and not revoked, says ${sources}${first === undefined ? '' : ` (current until ${first.slice(0, 19)}Z)`}`;
}
