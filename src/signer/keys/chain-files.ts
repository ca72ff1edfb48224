import { isDeepStrictEqual } from 'node:util';
import { asSealError } from '../../errors.ts';
import { readPem } from '../../formats/pem.ts';
import type { SealError } from '../../errors.ts';
import type { KeyEffects } from './effects.ts';

const maxBytes = 2 ** 22;

/**
 * The certificates in the files of `chain:`, in their order.
 * @returns DER
 * @throws SealError SEAL-INPUT-*, and what the file system says
 */
export async function readChain(files: Pick<KeyEffects['files'], 'read'>, paths: readonly string[]): Promise<Buffer[]> {
  return (await Promise.all(paths.map(async (path) => readPem(await files.read(path, maxBytes))))).flat();
}

/** The files of `chain:` of one key as they were read last; what cannot be read leaves what was read earlier. */
export class ChainFiles {
  readonly #name: string;
  readonly #paths: readonly string[];
  readonly #fx: Pick<KeyEffects, 'files' | 'log'>;
  #certificates: readonly Buffer[] = [];
  #error: SealError | undefined;

  /** @param name of the key, for the log */
  constructor(name: string, paths: readonly string[], fx: Pick<KeyEffects, 'files' | 'log'>) {
    this.#name = name;
    this.#paths = paths;
    this.#fx = fx;
  }

  /** DER; the same array as long as nothing changes. */
  get certificates(): readonly Buffer[] {
    return this.#certificates;
  }

  /** Why they could not be read the last time. */
  get error(): SealError | undefined {
    return this.#error;
  }

  /** Reads them again. @returns whether they hold something else than before */
  async read(): Promise<boolean> {
    try {
      const certificates = await readChain(this.#fx.files, this.#paths);
      const changed = !isDeepStrictEqual(certificates, this.#certificates);
      if (changed) this.#certificates = certificates;
      this.#error = undefined;
      return changed;
    } catch (thrown) {
      const error = asSealError(thrown);
      if (this.#error?.message !== error.message)
        this.#fx.log.warn({ key: this.#name, error: error.toJSON() }, 'certificates of “chain:” cannot be read');
      this.#error = error;
      return false;
    }
  }
}
