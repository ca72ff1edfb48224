import { digestOf } from '../formats/digests.ts';
import { asSealError } from '../errors.ts';
import { firstTimestamp } from '../pki/tsa-selection.ts';
import type { SealError } from '../errors.ts';
import type { TsaChoice } from '../pki/tsa-selection.ts';
import type { Effects } from '../ports/effects.ts';

export type StampEffects = Pick<Effects, 'clock' | 'log' | 'store' | 'tsas'>;

export interface StampOptions {
  readonly tsas: readonly TsaChoice[];
  /** `wait`: until an authority answers; `deliver`: without a timestamp. */
  readonly onFailure: 'wait' | 'deliver';
  readonly resting: Map<string, number>;
  /** Ends the waiting; an answer that is on its way is still taken in. */
  readonly signal: AbortSignal;
  /** Called with the reason while nothing answers, and with undefined when it goes on. */
  readonly onWaiting: (reason: SealError | undefined) => void;
}

/** `none`: no authority answers and the profile delivers without; `later`: the signal came first. */
export type Stamped = { readonly kind: 'token'; readonly token: Buffer } | { readonly kind: 'none' | 'later' };

const firstPause = 1_000;
const longestPause = 60_000;
/** ms that an authority may still take when the daemon stops. */
const graceMs = 4_000;

/**
 * A signature timestamp over a signature value (EN 319 122-1 §5.3), from the authorities in their order.
 * @throws SealError that has nothing to do with an authority: SEAL-STORE-*, SEAL-DISK-*
 */
export async function stampSignature(fx: StampEffects, signatureValue: Buffer, options: StampOptions): Promise<Stamped> {
  const { tsas, resting, signal, onFailure, onWaiting } = options;
  const request = ({ digest }: TsaChoice) => ({ digest, messageImprint: digestOf(digest, signatureValue) });
  for (let attempt = 0; ; attempt++) {
    const grace = delayed(fx, signal);
    try {
      const { token } = await firstTimestamp(fx, tsas, request, { purpose: 'signature', resting, signal: grace.signal });
      if (attempt > 0) onWaiting(undefined);
      return { kind: 'token', token };
    } catch (thrown) {
      const error = asSealError(thrown);
      if (signal.aborted) return { kind: 'later' };
      if (!error.code.startsWith('SEAL-TSA-')) throw error;
      if (onFailure === 'deliver') return { kind: 'none' };
      onWaiting(error);
      const paused = await fx.clock.sleep(Math.min(longestPause, firstPause * 2 ** Math.min(attempt, 6)), signal).then(
        () => true,
        () => false,
      );
      if (!paused) return { kind: 'later' };
    } finally {
      grace.end();
    }
  }
}

/** A signal that follows another one a little later. */
function delayed({ clock }: Pick<Effects, 'clock'>, signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const own = new AbortController();
  let cancel = (): void => undefined;
  const follow = (): void => {
    const timer = clock.after(graceMs, () => {
      own.abort(signal.reason);
    });
    cancel = () => {
      timer.cancel();
    };
  };
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return {
    signal: own.signal,
    end: () => {
      signal.removeEventListener('abort', follow);
      cancel();
    },
  };
}
