/**
 * Batches of one root take turns at its keys. A turn is measured in time of the keys, not in documents: with a fast key a batch of some thousand is
 * signed in one go and delivered while the next is signed, instead of all ending together; with a card the turn passes on after a signature or two,
 * so that a small batch is not kept waiting by a large one.
 */
export interface Turn {
  /** In the line: lower goes first. */
  place: number;
  /** ms of the keys that are left of it. */
  left: number;
}

/** ms of the keys in one turn. */
const turnLength = 1_000;

/** A batch that has not asked yet. */
export function newTurn(): Turn {
  return { place: 0, left: 0 };
}

/** The batch asks: in the turn it has, or behind all others. @param next gives the last place in the line */
export function takeTurn(turn: Turn, next: () => number): void {
  if (turn.left > 0) return;
  turn.place = next();
  turn.left = turnLength;
}

/** Documents were given to a key. @param ms that it will take for them; 0: not known yet */
export function spendTurn(turn: Turn, ms: number): void {
  turn.left -= ms;
}
