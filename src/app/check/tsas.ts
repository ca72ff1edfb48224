import { completeToken, timestampSigner } from '../../archive/token-material.ts';
import { digestOf } from '../../formats/digests.ts';
import { checkBasisErs } from '../../formats/tsp-basis-ers.ts';
import { purposes } from '../../pki/purposes.ts';
import type { Trust } from '../../pki/trust.ts';
import { countedTimestamp } from '../../pki/tsa-selection.ts';
import type { App } from '../context.ts';
import { ok, warning, type Finding } from './finding.ts';
import { checkRevocation } from './revocation.ts';

/** ms that the authority's clock and ours may differ. */
const maxDrift = 60_000;

/** A trial token, which counts, with what the archive would embed; against the Basis-ERS profile; and revocation of its signer. */
export async function checkTsa(app: App, name: string, trust: Trust, signal: AbortSignal): Promise<Finding[]> {
  const { fx, config } = app;
  const what = `tsa ${name}`;
  const digest = config.tsas[name]?.digest ?? 'sha256';
  const request = { digest, messageImprint: digestOf(digest, fx.random.bytes(32)) };
  const { token, genTime } = await countedTimestamp(fx, name, request, signal);
  const drift = genTime - fx.clock.now();
  const findings: Finding[] = [ok(what, 'answers, its certificate is trusted')];
  if (Math.abs(drift) > maxDrift)
    findings.push(
      warning(
        what,
        `its clock is ${Math.round(Math.abs(drift) / 1000)} s ${drift > 0 ? 'ahead of' : 'behind'} ours`,
        'check the time of this machine (NTP)',
      ),
    );
  const complete = await completeToken(fx, trust, token, 0, signal);
  for (const deviation of checkBasisErs(complete.token))
    findings.push(
      warning(what, `token leaves the Basis-ERS profile: ${deviation}`, 'records stay valid RFC 4998; strict validators may complain'),
    );
  const signer = timestampSigner(token, trust);
  if (signer === undefined) return findings;
  const subject = { what: `${what} revocation`, ...signer, purpose: purposes.timestamping };
  return [...findings, ...(await checkRevocation(fx, trust, subject, signal))];
}
