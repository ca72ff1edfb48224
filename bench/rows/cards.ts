import { cards } from '../cards.ts';

/** Eight cards of half a second each, a batch of 400 documents through a whole daemon; then the same with one card pulled and put back. */
export default async function row(): Promise<void> {
  await cards('cards', undefined);
  await cards('cards, one pulled for 5 s', { afterMs: 8_000, forMs: 5_000 });
}
