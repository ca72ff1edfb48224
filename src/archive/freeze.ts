import { completeToken } from './token-material.ts';
import { sha256 } from '../formats/digests.ts';
import { checkBasisErs } from '../formats/tsp-basis-ers.ts';
import type { TreeToken } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

/** A token with its last revocation data, or what is still missing. */
export type FinalToken =
  { readonly final: Buffer; readonly missing: readonly [] } | { readonly final?: undefined; readonly missing: readonly string[] };

/**
 * Makes a token final: revocation data whose thisUpdate is later than genTime replaces what is in it; from then on its bytes, and with
 * them every record made with it, stay the same (evidence-records 15).
 */
export async function finalToken(
  fx: Pick<Effects, 'log' | 'revocation'>,
  trust: Trust,
  { token, genTime, tsa }: Pick<TreeToken, 'token' | 'genTime' | 'tsa'>,
  signal?: AbortSignal,
): Promise<FinalToken> {
  const completed = await completeToken(fx, trust, token, genTime, signal);
  if (!completed.complete) return { missing: completed.missing };
  const deviations = checkBasisErs(completed.token);
  if (deviations.length > 0) fx.log.warn({ tsa, deviations }, 'the authority’s tokens do not fit the Basis-ERS profile');
  return { final: completed.token, missing: [] };
}

/** Freezes the timestamp of a tree. @returns what is still missing; empty when the token is frozen */
export async function freezeToken(
  fx: Pick<Effects, 'clock' | 'log' | 'revocation' | 'store'>,
  trust: Trust,
  token: TreeToken,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { final, missing } = await finalToken(fx, trust, token, signal);
  if (final === undefined) return missing;
  await fx.store.replaceToken({ ...token, token: final, frozen: true });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: 'sealtree',
    action: 'token-frozen',
    details: { tree: token.tree, n: token.n, tsa: token.tsa, token: sha256(final).toString('hex') },
  });
  return [];
}
