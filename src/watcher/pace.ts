import type { RootConfig } from '../model/config.ts';
import type { SweepReport } from '../ports/watching.ts';

const defaultSettle = 5_000;
const sharedSettle = 30_000;
/** A pass takes at most this part of the time: 2 %. */
const passPart = 50;
const shortestPause = 1_000;

/** Pure: ms until the next pass. Where there are events it only backs them up; where there are none it comes as soon as its cost allows. */
export function pauseAfter(report: Pick<SweepReport, 'took' | 'mode'> | undefined, sweep: number): number {
  if (report === undefined) return sweep;
  const affordable = report.took * passPart;
  return report.mode === 'poll' ? Math.min(sweep, Math.max(shortestPause, affordable)) : Math.max(sweep, affordable);
}

/**
 * Pure: ms that a batch must stand still. A root that turned out to be polled waits longer, unless its configuration says how long: what
 * other machines write is seen late.
 */
export function settleTime(root: Pick<RootConfig, 'approval' | 'settle' | 'watch'>, report: Pick<SweepReport, 'mode'> | undefined): number {
  if (root.approval.mode === 'quiet') return root.approval.quiet;
  const turnedOut = root.watch === 'auto' && report?.mode === 'poll';
  return turnedOut && root.settle === defaultSettle ? sharedSettle : root.settle;
}
