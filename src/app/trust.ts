import { asSealError, SealError } from '../errors.ts';
import { catalogueWith } from '../pki/catalogue.ts';
import { openTrust, readCertificates, type Trust } from '../pki/trust.ts';
import type { Config } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

/** What the configuration trusts, read from its files. DER. */
export interface TrustFiles {
  readonly anchors: readonly Buffer[];
  readonly certificates: readonly Buffer[];
}

const maxBytes = 16 * 2 ** 20;

/** What the configuration names. @throws SealError SEAL-CONFIG-TRUST naming setting and file */
export async function readTrust(fx: Pick<Effects, 'files'>, trust: Pick<Config['trust'], 'anchors' | 'certificates'>): Promise<TrustFiles> {
  const read = async (setting: 'anchors' | 'certificates'): Promise<Buffer[]> => {
    try {
      return await readCertificateFiles(fx, trust[setting]);
    } catch (thrown) {
      const { code, message, hint = '', where = '' } = asSealError(thrown);
      throw new SealError('SEAL-CONFIG-TRUST', `trust.${setting}: ${message}`, {
        where,
        hint: code === 'SEAL-INPUT-MISSING' ? 'correct the path in the configuration, or put the file there' : hint,
        cause: thrown,
      });
    }
  };
  return { anchors: await read('anchors'), certificates: await read('certificates') };
}

/** Certificates of files, PEM or DER. @returns DER @throws SealError SEAL-INPUT-MISSING, SEAL-INPUT-INVALID naming the file */
export async function readCertificateFiles(fx: Pick<Effects, 'files'>, paths: readonly string[]): Promise<Buffer[]> {
  const files = await Promise.all(paths.map(async (path) => readCertificates(await fx.files.read(path, maxBytes), path)));
  return files.flat().map(({ der }) => der);
}

/** For judging tokens in this process; revocation data comes with each token. */
export function trustOf(
  { anchors, certificates }: TrustFiles,
  { revocation, maxAge, algorithms = [] }: Pick<Config['trust'], 'revocation' | 'maxAge' | 'algorithms'>,
): Trust {
  return openTrust({
    anchors,
    certificates,
    revocation: { crls: [], ocsps: [], failures: [] },
    revocationMode: revocation,
    maxAge,
    catalogue: catalogueWith(algorithms),
  });
}
