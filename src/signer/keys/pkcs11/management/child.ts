/** Entry of a management process: one PKCS#11 module, one token, a few calls. Forked by process.ts, never imported. */
import { writeFileSync } from 'node:fs';
import { asFault } from '../module.ts';
import { ManagementClient } from './client.ts';
import type { ManagementAnswer, ManagementCall, ManagementCalls, ManagementRequest } from './messages.ts';

type Reply<K extends ManagementCall> = ManagementCalls[K]['reply'] | Promise<ManagementCalls[K]['reply']>;

const client = new ManagementClient();
const handlers: { readonly [K in ManagementCall]: (args: ManagementCalls[K]['args']) => Reply<K> } = {
  find: (args) => client.find(args),
  login: (args) => client.login(args),
  generate: (args) => client.generate(args),
  sign: (args) => client.sign(args),
  store: (args) => client.store(args),
  end: () => {
    client.close();
    return {};
  },
};

function handle<K extends ManagementCall>(call: K, args: ManagementCalls[K]['args']): Reply<K> {
  return handlers[call](args);
}

async function answer({ call, args }: ManagementRequest): Promise<void> {
  let message: ManagementAnswer;
  try {
    message = { ok: true, reply: await handle(call, args) };
  } catch (thrown) {
    message = { ok: false, fault: asFault(thrown) };
  }
  process.send?.(message, () => {
    if (call === 'end') process.exit(0);
  });
}

// Memory of this process may hold a PIN for a moment: keep it out of core dumps (core(5), coredump_filter).
try {
  writeFileSync('/proc/self/coredump_filter', '0');
} catch {
  // Not Linux: nothing to switch off here.
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (request: ManagementRequest) => void answer(request));
process.on('disconnect', () => {
  client.close();
  process.exit(0);
});
