import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signatureMs } from './cards.ts';
import { counted, type Story } from './story.ts';

interface Reported {
  readonly document: string;
  readonly signature?: { readonly key: string; readonly signingTime: string };
}

interface Made {
  readonly document: string;
  readonly card: string;
  /** UTC ms: when it was prepared for the card. */
  readonly at: number;
}

/** Who signed what, in the order of time, as the batch reports say; and how long it took beside what one card would have needed. */
export function showCards(story: Story, batches: readonly string[], slow: boolean): void {
  const made = batches.flatMap((batch) => signaturesOf(story.directory, batch)).sort((a, b) => a.at - b.at);
  const first = made[0]?.at ?? 0;
  for (const { document, card, at } of made) story.say(`${seconds(at - first).padStart(6)}  ${card}  ${document}`);
  const cards = [...new Set(made.map(({ card }) => card))].sort();
  const shares = cards.map((card) => `${card} made ${counted(made.filter((one) => one.card === card).length, 'signature')}`);
  story.say(`${shares.join(', ')}.`);
  if (!slow) return;
  const alone = made.length * signatureMs;
  const took = (made.at(-1)?.at ?? 0) - first + signatureMs;
  story.say(
    took < alone
      ? `Both sign at once: ${counted(made.length, 'signature')} of ${seconds(signatureMs)} in about ${seconds(took)}; one card alone needs ${seconds(alone)}.`
      : `${counted(made.length, 'signature')} took about ${seconds(took)}: this machine is busy; one card alone needs ${seconds(alone)} at least.`,
  );
}

function signaturesOf(directory: string, batch: string): Made[] {
  const file = join(directory, 'roots', batch.replace('/', '/outgoing/'), 'batch-report.json');
  const { documents } = JSON.parse(readFileSync(file, 'utf8')) as { documents: readonly Reported[] };
  return documents.flatMap(({ document, signature }) =>
    signature === undefined ? [] : [{ document, card: signature.key, at: Date.parse(signature.signingTime) }],
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
