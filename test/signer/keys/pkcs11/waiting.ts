import assert from 'node:assert/strict';

/** Waits until something holds, 60 s at most. */
export async function waitFor(holds: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = Date.now() + 60_000;
  const timer = setInterval(() => {
    if (holds() || Date.now() > end) resolve(undefined);
  }, 10);
  await promise;
  clearInterval(timer);
  assert.ok(holds());
}
