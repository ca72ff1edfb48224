import assert from 'node:assert/strict';

/** Waits until something holds, 20 s at most. @param atLeast ms that pass in any case */
export async function waitFor(holds: () => boolean, atLeast = 0): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const end = Date.now() + 20_000;
  const timer = setInterval(
    () => {
      if (holds() || Date.now() > end) resolve(undefined);
    },
    Math.max(10, atLeast),
  );
  await promise;
  clearInterval(timer);
  assert.ok(holds());
}
