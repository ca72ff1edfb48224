import { readFileSync } from 'node:fs';
import { asSealError } from '../../src/errors.ts';
import { formatFor, formatNamed } from '../../src/formats/index.ts';
import { bufferSource } from '../../src/formats/memory-source.ts';
import type { DocumentWork, Outcome } from '../../src/ports/documents.ts';

/** Work on documents in this thread: what the worker does, without the worker. */
export function directDocuments(): DocumentWork {
  const each = <J, T>(jobs: readonly J[], work: (job: J) => T): Promise<Outcome<T>[]> =>
    Promise.resolve(
      jobs.map((job) => {
        try {
          return { ok: true, value: work(job) };
        } catch (thrown) {
          return { ok: false, error: asSealError(thrown).toJSON() };
        }
      }),
    );
  return {
    prepare: (jobs) =>
      each(jobs, ({ path, format: wanted, parameters }) => {
        const source = bufferSource(readFileSync(path));
        const format = formatFor(wanted, source);
        return { format: format.name, signature: format.prepare(source, parameters) };
      }),
    finish: (jobs) =>
      each(jobs, ({ prepared, signatureValue, signatureTimestamp }) => ({
        parts: formatNamed(prepared.format).finish(prepared.signature, signatureValue, signatureTimestamp),
      })),
    verify: () => Promise.reject(new Error('not here')),
    close: () => Promise.resolve(),
  };
}
