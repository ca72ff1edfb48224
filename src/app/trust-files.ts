import type { Config } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';

export interface MissingFile {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * What `trust.crls` names and what is not there: revocation is then looked for elsewhere, or not found. Nothing stops for it, so it must be
 * said aloud.
 */
export async function missingCrls(fx: Pick<Effects, 'files'>, { trust }: Pick<Config, 'trust'>): Promise<MissingFile[]> {
  const missing: MissingFile[] = [];
  for (const path of trust.crls) {
    if ((await fx.files.stat(path).catch(() => undefined)) !== undefined) continue;
    missing.push({
      path,
      message: `trust.crls: ${path} is not there`,
      hint: 'make it, mount its file system, or take it out of trust.crls',
    });
  }
  return missing;
}
