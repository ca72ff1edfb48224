import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../ports/control.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressBar {
  readonly update: (progress: Progress) => void;
  readonly end: () => void;
}

/** A bar for work that takes long; on a terminal only, and gone when the work has ended. */
export function progressBar(terminal: Terminal): ProgressBar {
  if (!terminal.interactive) return { update: () => undefined, end: () => undefined };
  let bar: SingleBar | undefined;
  return {
    update: ({ what, done, total }) => {
      if (bar === undefined) {
        bar = new SingleBar(
          {
            format: '{what} {bar} {value}/{total} · {eta_formatted}',
            clearOnComplete: true,
            hideCursor: true,
            stream: process.stderr,
            etaBuffer: 50,
          },
          Presets.shades_classic,
        );
        bar.start(total ?? 0, done, { what });
      }
      if (total !== undefined) bar.setTotal(total);
      bar.update(done, { what });
    },
    end: () => bar?.stop(),
  };
}
