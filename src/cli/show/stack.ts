import type { StackView } from '../../app/key-stack.ts';
import { readableSize } from '../../app/views.ts';
import { counted } from '../terminal.ts';

/** Documents that are shown one by one; the whole list goes to a file. */
const named = 20;
/** Batches likewise. */
const namedBatches = 10;

/** What a PIN will permit, for the eyes of the person who enters it. */
export function stackLines({ key, documents, bytes, sha256, batches, list, beyond }: StackView): string[] {
  const [hidden, hiddenBatches] = [documents - named, batches.length - namedBatches];
  return [
    `${key} is to sign ${counted(documents, 'document')}, ${readableSize(bytes)}, and nothing else:`,
    ...batches
      .slice(0, namedBatches)
      .map(
        (batch) =>
          `  batch ${batch.id}  ${batch.root}  ${batch.path}  ${counted(batch.documents, 'document')}, ${readableSize(batch.bytes)}`,
      ),
    ...(hiddenBatches > 0 ? [`  … ${counted(hiddenBatches, 'more batch', 'more batches')}`] : []),
    ...list.slice(0, named).map(({ batch, path, size, sha256: digest }) => `  ${digest}  ${batch}/${path}  ${readableSize(size)}`),
    ...(hidden > 0 ? [`  … ${counted(hidden, 'more document')}: --list FILE writes all of them`] : []),
    ...(beyond > 0
      ? [`  ${counted(beyond, 'document')} more ${beyond === 1 ? 'waits' : 'wait'} for another PIN: one activation does not reach so far`]
      : []),
    `SHA-256 of the list: ${sha256}`,
  ];
}
