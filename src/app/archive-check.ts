import { checkArchive as check, type CheckResult } from '../archive/check.ts';
import type { App, Call } from './context.ts';
import { readTrust, trustOf } from './trust.ts';

export interface ArchiveCheck extends CheckResult {
  readonly sound: boolean;
}

/** `archive check`: everything is read back, and computed again by foreign code. */
export async function checkArchive({ fx, config }: App, call: Pick<Call, 'progress' | 'signal'>): Promise<ArchiveCheck> {
  const trust = trustOf(await readTrust(fx, config.trust), config.trust);
  const result = await check(fx, trust, {
    signal: call.signal,
    onProgress: (done, total, tree) => {
      call.progress({ what: `tree ${tree}`, done, total });
    },
  });
  return { ...result, sound: result.findings.every(({ severity }) => severity !== 'damage') };
}
