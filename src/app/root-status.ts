import { Candidates, type RootState } from '../watcher/intake.ts';
import type { App } from './context.ts';
import type { RootStatus } from './status.ts';
import { isoTime } from './views.ts';

/** What the watcher knows of a root, as `status` shows it. */
export function rootStatus({ roots }: Pick<App['config'], 'roots'>, state: RootState): RootStatus {
  const oldest = Math.min(...state.waiting.map(({ approvedAt }) => approvedAt));
  return {
    name: state.root,
    path: roots[state.root]?.path ?? '',
    running: 0,
    waiting: 0,
    ...(state.problem === undefined ? {} : { paused: state.problem.message }),
    ...(state.waiting.length === 0 ? {} : { oldestApproved: isoTime(oldest) }),
    settling: state.waiting.map(({ path, reason }) => `${path}: ${reason}`),
    nearMisses: state.nearMisses.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)),
    warnings: [...state.warnings, ...(state.fallback === undefined ? [] : [`polled: ${state.fallback}`])],
  };
}

/** One look at the roots while no daemon runs; nothing is claimed, and no directory stays watched. */
export async function lookOnce({ fx, config }: Pick<App, 'fx' | 'config'>): Promise<RootStatus[]> {
  const candidates = new Candidates(
    fx,
    Object.values(config.roots).map((root) => ({ ...root, watch: 'poll' as const })),
  );
  try {
    await candidates.start();
    return candidates.states().map((state) => ({
      ...rootStatus(config, state),
      settling: state.waiting.map(({ path }) => `${path}: approved; it is claimed when the daemon runs`),
    }));
  } finally {
    await candidates.close();
  }
}
