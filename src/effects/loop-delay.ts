import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelay } from '../ports/loop-delay.ts';

/** ms between two samples; what is measured contains it. */
const resolution = 5;

/** Starts measuring. @returns asks for the delay since the last question, and begins anew */
export function watchLoopDelay(): () => LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  return () => {
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution);
    const delay = { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(histogram.max) };
    histogram.reset();
    return delay;
  };
}
