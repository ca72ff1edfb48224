import type { OutputPart } from '../ports/bytes.ts';

/** Whether an output is a signature beside its document: it takes nothing from it. */
export function isDetached(parts: readonly OutputPart[]): boolean {
  return parts.every((part) => part instanceof Uint8Array);
}
