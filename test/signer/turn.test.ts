import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { newTurn, spendTurn, takeTurn, type Turn } from '../../src/signer/turn.ts';

/** Who of two batches signs chunks of `count` documents, when each asks again as soon as it has been served. */
function order(count: number, pace: number, chunks: number): string {
  let last = 0;
  const batches = { a: newTurn(), b: newTurn() };
  const ask = (turn: Turn): void => {
    takeTurn(turn, () => ++last);
  };
  ask(batches.a);
  ask(batches.b);
  let served = '';
  for (let n = 0; n < chunks; n++) {
    const next = batches.a.place < batches.b.place ? 'a' : 'b';
    served += next;
    spendTurn(batches[next], count * pace);
    ask(batches[next]);
  }
  return served;
}

suite('turns of batches', () => {
  test('a fast key signs a batch of hundreds in one go', () => {
    assert.equal(order(64, 0.5, 40), `${'a'.repeat(32)}${'b'.repeat(8)}`);
  });

  test('a card passes on after two signatures of half a second: a large batch keeps a small one waiting no longer', () => {
    assert.equal(order(1, 500, 8), 'aabbaabb');
    assert.equal(order(1, 1500, 4), 'abab');
  });

  test('who has a turn keeps its place; the next is behind all that wait', () => {
    const turn = newTurn();
    takeTurn(turn, () => 4);
    spendTurn(turn, 999);
    takeTurn(turn, () => 7);
    assert.equal(turn.place, 4);
    spendTurn(turn, 1);
    takeTurn(turn, () => 7);
    assert.equal(turn.place, 7);
  });
});
