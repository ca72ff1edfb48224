import { asSealError, SealError } from '../errors.ts';
import { parseCrl, type CertificateList } from '../formats/crl.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { readPem } from '../formats/pem.ts';
import type { Effects } from '../ports/effects.ts';
import type { FileInfo, Path } from '../ports/files.ts';

/** Bytes of one file with CRLs. */
const maxFile = 64 * 2 ** 20;
/** Files looked at in one configured directory. */
const maxFiles = 10_000;
/** ms that files are not looked at again. */
const interval = 2_000;

interface KnownFile {
  readonly stamp: string;
  readonly crls: readonly CertificateList[];
  readonly failure?: string;
}

export interface CrlFiles {
  readonly crls: readonly CertificateList[];
  /** Files that could not be read, and why. */
  readonly failures: readonly string[];
}

/**
 * The CRLs of configured files and directories (DER, PEM, several in a file). Files that changed are read again, so whoever drops a fresh
 * CRL there need not tell us; in directories only `*.crl`, `*.der` and `*.pem` count.
 */
export class ConfiguredCrls {
  readonly #fx: Pick<Effects, 'clock' | 'files'>;
  readonly #paths: readonly string[];
  readonly #known = new Map<string, KnownFile>();
  #current: Promise<CrlFiles> | undefined;
  #readAt = -Infinity;

  constructor(fx: Pick<Effects, 'clock' | 'files'>, paths: readonly string[]) {
    this.#fx = fx;
    this.#paths = paths;
  }

  /** What the files hold now. Never rejects: what cannot be read is a failure in the answer. */
  read(): Promise<CrlFiles> {
    const now = this.#fx.clock.monotonic();
    if (this.#current === undefined || now - this.#readAt >= interval) {
      this.#readAt = now;
      this.#current = this.#readAll();
    }
    return this.#current;
  }

  async #readAll(): Promise<CrlFiles> {
    const failures: string[] = [];
    const crls: CertificateList[] = [];
    const seen = new Set<string>();
    for (const configured of this.#paths) {
      try {
        for await (const [path, info] of this.#filesOf(configured)) {
          const file = await this.#file(path, info);
          seen.add(keyOf(path));
          crls.push(...file.crls);
          if (file.failure !== undefined) failures.push(file.failure);
        }
      } catch (thrown) {
        failures.push(`${displayName(configured)}: ${asSealError(thrown).message}`);
      }
    }
    for (const key of this.#known.keys()) if (!seen.has(key)) this.#known.delete(key);
    return { crls, failures };
  }

  async *#filesOf(configured: string): AsyncGenerator<readonly [Path, FileInfo]> {
    const { files } = this.#fx;
    const info = await files.stat(configured);
    if (info === undefined) throw new SealError('SEAL-INPUT-MISSING', 'no such file or directory');
    if (info.kind !== 'directory') {
      yield [configured, info];
      return;
    }
    let count = 0;
    for await (const { name } of files.list(configured)) {
      if (!/\.(crl|der|pem)$/i.test(name.toString('latin1'))) continue;
      if (++count > maxFiles) throw new SealError('SEAL-DOC-LIMIT', `more than ${maxFiles} files`);
      const path = joinPath(configured, name);
      const entry = await files.stat(path);
      if (entry !== undefined) yield [path, entry];
    }
  }

  async #file(path: Path, { size, mtimeNs, inode }: FileInfo): Promise<KnownFile> {
    const stamp = `${size} ${mtimeNs} ${inode}`;
    const known = this.#known.get(keyOf(path));
    if (known?.stamp === stamp) return known;
    const read = await this.#parse(path).then(
      (crls): KnownFile => ({ stamp, crls }),
      (thrown: unknown): KnownFile => ({ stamp, crls: [], failure: `${displayName(path)}: ${asSealError(thrown).message}` }),
    );
    this.#known.set(keyOf(path), read);
    return read;
  }

  /** Hostile input. */
  async #parse(path: Path): Promise<CertificateList[]> {
    return readPem(await this.#fx.files.read(path, maxFile), 'X509 CRL').map((der) => parseCrl(der));
  }
}

function keyOf(path: Path): string {
  return typeof path === 'string' ? path : path.toString('latin1');
}
