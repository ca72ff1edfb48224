import { anchorInOrder, stampRoot, type Anchored, type Attempt } from './anchoring.ts';
import { completeToken } from './token-material.ts';
import { SealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import type { ClosingEffects, ClosingSettings } from './close.ts';
import type { Renewal, RenewalToken } from '../model/renewal.ts';

/** Anchors sealed renewals in their order. @throws only what is no failure of an authority */
export async function anchorRenewals(
  fx: ClosingEffects,
  settings: ClosingSettings,
  attempt: Attempt = {},
): Promise<Anchored<RenewalToken>> {
  const waiting = await fx.store.renewals({ states: ['sealed'] });
  return await anchorInOrder(waiting, (renewal) => anchorRenewal(fx, settings, renewal, attempt), attempt.signal);
}

/**
 * Sealed → anchored: a timestamp over the renewal's root, later than everything it covers (RFC 4998 §5.2, §5.3; evidence-records 16). The
 * second of two independent records gets it from another authority than the first, where there is one.
 * @throws SealError SEAL-TSA-* while there is none: the renewal stays as it is
 */
async function anchorRenewal(
  fx: ClosingEffects,
  { tsas, trust }: ClosingSettings,
  renewal: Renewal,
  attempt: Attempt,
): Promise<RenewalToken> {
  const { id, n, root, kind } = renewal;
  if (root === undefined)
    throw new SealError('SEAL-ARCHIVE-DAMAGED', `renewal ${id} has no root`, { hint: 'run `sealtree archive check`' });
  const sibling = await siblingAuthority(fx, renewal);
  const others = tsas.filter(({ name }) => name !== sibling);
  const timestamp = await stampRoot(fx, others.length > 0 ? others : tsas, renewal, root, attempt);
  const { tsa, genTime, accuracy } = timestamp;
  const until = await fx.store.coveredUntil(id);
  if (genTime - accuracy <= until)
    throw new SealError('SEAL-TSA-INVALID', `${tsa} gives a time that is not later than the timestamps to be renewed`, {
      where: tsa,
      hint: 'it is tried again; if it stays so, the clock of this authority or of an earlier one was wrong',
    });
  const complete = await completeToken(fx, trust, timestamp.token, undefined, attempt.signal);
  if (!complete.complete) fx.log.warn({ renewal: id, tsa, missing: complete.missing }, 'timestamp cannot be proven yet');
  const token: RenewalToken = { renewal: id, tsa, token: complete.token, genTime, accuracy, frozen: false };
  const at = fx.clock.now();
  await fx.store.addRenewalToken(token, at);
  await fx.store.audit({
    at,
    actor: 'sealtree',
    action: 'renewal-anchored',
    details: {
      renewal: id,
      kind,
      n,
      tsa,
      genTime: new Date(genTime).toISOString(),
      root: root.toString('hex'),
      token: sha256(token.token).toString('hex'),
    },
  });
  fx.log.info({ renewal: id, kind, n, tsa }, 'renewal anchored');
  return token;
}

/** Who stamped the other of two independent records in the same renewal. */
async function siblingAuthority({ store }: Pick<ClosingEffects, 'store'>, renewal: Renewal): Promise<string | undefined> {
  const { kind, digest, n, openedAt } = renewal;
  const all = await store.renewals({ kind, states: ['anchored'] });
  const sibling = all.find((other) => other.n !== n && other.digest === digest && other.openedAt === openedAt);
  return sibling === undefined ? undefined : (await store.renewalToken(sibling.id))?.tsa;
}
