import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Turnstile } from '../../src/batch/turnstile.ts';

const never = new AbortController().signal;

suite('turnstile', () => {
  test('no more than its places at the same time; of those who wait the lowest rank first, in their order', async () => {
    const turnstile = new Turnstile(2);
    const order: string[] = [];
    let within = 0;
    const work = (name: string) => async (): Promise<void> => {
      assert.ok(++within <= 2);
      order.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      within--;
    };
    const ranks = [
      ['one', 2],
      ['two', 2],
      ['late one', 2],
      ['late two', 2],
      ['middle', 1],
      ['first', 0],
    ] as const;
    await Promise.all(ranks.map(([name, rank]) => turnstile.pass(rank, never, work(name))));
    assert.deepEqual(order, ['one', 'two', 'first', 'middle', 'late one', 'late two']);
  });

  test('who gives up while it waits leaves its place to the next; an error gives the place back', async () => {
    const turnstile = new Turnstile(1);
    const abort = new AbortController();
    const held = Promise.withResolvers<undefined>();
    const first = turnstile.pass(0, never, async () => {
      await held.promise;
      throw new Error('broken');
    });
    const given = turnstile.pass(0, abort.signal, () => Promise.resolve('never'));
    const third = turnstile.pass(1, never, () => Promise.resolve('third'));
    abort.abort(new Error('no longer'));
    await assert.rejects(given, /no longer/);
    held.resolve(undefined);
    await assert.rejects(first, /broken/);
    assert.equal(await third, 'third');
  });
});
