import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from '../ports/control.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressBar {
  readonly update: (progress: Progress) => void;
  readonly end: () => void;
}

const known = '{what} {bar} {value}/{total} · {eta_formatted}';
const unknown = '{what} {value}';
/** Columns that words and figures take beside the bar. */
const words = 50;

/** A bar for work that takes long, a count where its end is unknown; on a terminal only, and gone when the work has ended. */
export function progressBar(terminal: Terminal): ProgressBar {
  if (!terminal.interactive) return { update: () => undefined, end: () => undefined };
  let bar: SingleBar | undefined;
  let format = '';
  return {
    update: ({ what, done, total }) => {
      const wanted = total === undefined ? unknown : known;
      if (format !== wanted) {
        bar?.stop();
        format = wanted;
        bar = newBar(format);
        bar.start(total ?? 0, done, { what });
      }
      if (total !== undefined) bar?.setTotal(total);
      bar?.update(done, { what });
    },
    end: () => bar?.stop(),
  };
}

function newBar(format: string): SingleBar {
  const columns = process.stderr.columns;
  return new SingleBar(
    {
      format,
      clearOnComplete: true,
      hideCursor: true,
      stream: process.stderr,
      etaBuffer: 50,
      // A window without size says 0.
      barsize: columns > 0 ? Math.max(5, Math.min(40, columns - words)) : 40,
    },
    Presets.shades_classic,
  );
}
