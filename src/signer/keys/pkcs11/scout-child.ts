/**
 * Entry of the process that looks what lies in the readers of a PKCS#11 module. Forked by scout.ts, never imported. It never sees a PIN, so plain
 * messages do; it ends with its parent.
 */
import { asFault, loadModule } from './module.ts';
import { lookAround } from './look-around.ts';
import type { ScoutAnswer, ScoutRequest } from './scout.ts';
import type { Loaded } from './module.ts';

let loaded: Loaded | undefined;

async function answer({ module, known }: ScoutRequest): Promise<ScoutAnswer> {
  try {
    loaded ??= await loadModule(module);
    return { ok: true, seen: lookAround(loaded, new Set(known)) };
  } catch (thrown) {
    return { ok: false, fault: asFault(thrown) };
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (request: ScoutRequest) => {
  void answer(request).then((message) => process.send?.(message));
});
process.on('disconnect', () => process.exit(0));
