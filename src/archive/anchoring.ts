import { asSealError, SealError } from '../errors.ts';
import { digestLengths } from '../formats/digests.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { firstTimestamp, type TimestampOptions, type TsaChoice } from '../pki/tsa-selection.ts';
import type { HashTree } from '../model/archive.ts';
import type { Effects } from '../ports/effects.ts';
import type { Timestamp } from '../ports/tsa.ts';

/** What an attempt to anchor may be told. */
export type Attempt = Pick<TimestampOptions, 'resting' | 'signal'>;

/** What an attempt to anchor left behind. */
export interface Anchored<Token> {
  readonly anchored: readonly Token[];
  /** Why the oldest that waits could not be anchored; the younger ones wait behind it. */
  readonly error?: SealError;
}

/**
 * A timestamp over a root from the first authority that gives one (RFC 4998 §4.2). The adapter has checked the answer; what stays for
 * decades is looked at twice.
 * @throws SealError SEAL-TSA-* while there is none
 */
export async function stampRoot(
  fx: Pick<Effects, 'clock' | 'log' | 'store' | 'tsas'>,
  tsas: readonly TsaChoice[],
  { id, digest }: Pick<HashTree, 'id' | 'digest'>,
  root: Buffer,
  attempt: Attempt,
): Promise<Timestamp> {
  const timestamp = await firstTimestamp(fx, tsas, { digest, messageImprint: root }, { purpose: 'closing', ...attempt });
  const { tsa, token } = timestamp;
  const { messageImprint } = parseTimestampToken(token);
  if (messageImprint.algorithm !== digest || root.length !== digestLengths[digest] || !messageImprint.value.equals(root))
    throw new SealError('SEAL-TSA-INVALID', `${tsa} stamped something else than the root of ${id}`, { where: tsa });
  return timestamp;
}

/** Anchors what waits in its order and stops at the first that gets no timestamp. @throws only what is no failure of an authority */
export async function anchorInOrder<Waiting, Token>(
  waiting: readonly Waiting[],
  anchor: (one: Waiting) => Promise<Token>,
  signal: AbortSignal | undefined,
): Promise<Anchored<Token>> {
  const anchored: Token[] = [];
  for (const one of waiting) {
    try {
      anchored.push(await anchor(one));
    } catch (thrown) {
      return { anchored, error: timestampFailure(thrown, signal) };
    }
  }
  return { anchored };
}

/** What an authority did wrong. @throws anything else, the signal's reason first */
export function timestampFailure(thrown: unknown, signal: AbortSignal | undefined): SealError {
  signal?.throwIfAborted();
  const error = asSealError(thrown);
  if (!error.code.startsWith('SEAL-TSA-')) throw error;
  return error;
}
