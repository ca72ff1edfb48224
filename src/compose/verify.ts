import type { Call } from '../app/context.ts';
import { verifyFiles, type VerifyArgs, type VerifyResult } from '../app/verify.ts';
import { withEvaluation } from '../compose.ts';
import { systemClock } from '../effects/clock.ts';
import { documentWorkers, strictLimits } from '../effects/documents.ts';
import { nodeFiles } from '../effects/files.ts';
import { httpClient } from '../effects/http.ts';
import { createLog } from '../effects/log.ts';
import { revocationSource } from '../effects/revocation.ts';
import type { Config } from '../model/config.ts';

/** `verify`: needs no data directory and no daemon. */
export async function verifyLocally(
  config: Config | undefined,
  args: VerifyArgs,
  call: Pick<Call, 'progress' | 'signal'>,
): Promise<VerifyResult> {
  const clock = systemClock;
  const log = createLog({ clock }, { level: 'error', modules: {} });
  const files = nodeFiles();
  const documents = documentWorkers({ clock, log }, strictLimits);
  try {
    const trust = config === undefined ? { crls: [], fetch: false, allowHosts: [] } : withEvaluation(config);
    const revocation = revocationSource({ clock, files, http: httpClient(), log }, trust);
    return await verifyFiles({ clock, documents, files, revocation }, config, args, call);
  } finally {
    await documents.close();
    await files.close();
  }
}
