/**
 * Entry of a card process: one PKCS#11 module, one token. Forked by process.ts, never imported. It does what it is asked, one call after the other,
 * signatures in parallel over the sessions, and ends with its parent.
 */
import { writeFileSync } from 'node:fs';
import { TokenClient } from './client.ts';
import { asFault, loadModule } from './module.ts';
import type { Answer, Calls, CallName, Request } from './messages.ts';

let client: TokenClient | undefined;

function started(): TokenClient {
  if (client === undefined) throw new Error('not started');
  return client;
}

const handlers: { readonly [K in CallName]: (args: Calls[K]['args']) => Calls[K]['reply'] | Promise<Calls[K]['reply']> } = {
  start: async ({ module, sessions }) => {
    client = new TokenClient(await loadModule(module), sessions);
    return { library: client.library() };
  },
  look: ({ token }) => started().look(token),
  certificates: () => started().certificates(),
  login: ({ pinPad }) => ({ keys: started().login(pinPad) }),
  logout: () => {
    started().logout();
    return {};
  },
  sign: async (args) => ({ signature: await started().sign(args) }),
  end: () => {
    client?.close();
    return {};
  },
};

function handle<K extends CallName>(call: K, args: Calls[K]['args']): Calls[K]['reply'] | Promise<Calls[K]['reply']> {
  return handlers[call](args);
}

async function answer({ id, call, args }: Request): Promise<void> {
  let message: Answer;
  try {
    message = { id, ok: true, reply: await handle(call, args) };
  } catch (thrown) {
    message = { id, ok: false, fault: asFault(thrown) };
  }
  process.send?.(message, () => {
    if (call === 'end') process.exit(0);
  });
}

// Memory of this process may hold a PIN for a moment: keep it out of core dumps, whoever takes them (core(5), coredump_filter).
try {
  writeFileSync('/proc/self/coredump_filter', '0');
} catch {
  // Not Linux: nothing to switch off here.
}
// A signal to the whole group (terminal, systemd) must not end a signature in progress: the parent says when.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (request: Request) => void answer(request));
process.on('disconnect', () => {
  client?.close();
  process.exit(0);
});
