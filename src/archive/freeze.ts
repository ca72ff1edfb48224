import { completeToken } from './token-material.ts';
import { checkBasisErs } from '../formats/tsp-basis-ers.ts';
import type { TreeToken } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

/**
 * Makes a token final: revocation data whose thisUpdate is later than genTime replaces what is in it; from then on its bytes, and with
 * them every record of the tree, stay the same (evidence-records 15).
 * @returns what is still missing; empty when the token is frozen
 */
export async function freezeToken(
  fx: Pick<Effects, 'clock' | 'log' | 'revocation' | 'store'>,
  trust: Trust,
  token: TreeToken,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const completed = await completeToken(fx, trust, token.token, token.genTime, signal);
  if (!completed.complete) return completed.missing;
  await fx.store.replaceToken({ ...token, token: completed.token, frozen: true });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: 'sealtree',
    action: 'token-frozen',
    details: { tree: token.tree, n: token.n, tsa: token.tsa },
  });
  const deviations = checkBasisErs(completed.token);
  if (deviations.length > 0)
    fx.log.warn({ tree: token.tree, tsa: token.tsa, deviations }, 'the authority’s tokens do not fit the Basis-ERS profile');
  return [];
}
