import { asSealError, type ErrorReport } from '../errors.ts';
import { digestOf } from '../formats/digests.ts';
import { countedTimestamp } from '../pki/tsa-selection.ts';
import type { App } from './context.ts';

/** How an authority answered just now. */
export interface TsaProbe {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: ErrorReport;
}

/** Asks every authority for one timestamp, which counts; all at the same time. Nothing of it is kept. */
export async function probeTsas({ fx, config }: Pick<App, 'fx' | 'config'>, count: boolean, signal: AbortSignal): Promise<TsaProbe[]> {
  return await Promise.all(
    [...fx.tsas].map(async ([name, tsa]): Promise<TsaProbe> => {
      const digest = config.tsas[name]?.digest ?? 'sha256';
      const began = fx.clock.monotonic();
      const request = { digest, messageImprint: digestOf(digest, fx.random.bytes(32)) };
      const error = await (count ? countedTimestamp(fx, name, request, signal) : tsa.timestamp(request, signal)).then(
        () => undefined,
        (thrown: unknown) => asSealError(thrown),
      );
      signal.throwIfAborted();
      const ms = Math.round(fx.clock.monotonic() - began);
      return { name, ok: error === undefined, ms, ...(error === undefined ? {} : { error: error.toJSON() }) };
    }),
  );
}
