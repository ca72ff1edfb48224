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

/** @throws SealError SEAL-INPUT-MISSING, SEAL-INPUT-INVALID naming the file */
export async function readTrust(fx: Pick<Effects, 'files'>, trust: Pick<Config['trust'], 'anchors' | 'certificates'>): Promise<TrustFiles> {
  const read = async (paths: readonly string[]): Promise<Buffer[]> => {
    const files = await Promise.all(paths.map(async (path) => readCertificates(await fx.files.read(path, maxBytes), path)));
    return files.flat().map(({ der }) => der);
  };
  return { anchors: await read(trust.anchors), certificates: await read(trust.certificates) };
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
