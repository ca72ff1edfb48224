import { SealError } from '../errors.ts';
import { displayName } from '../formats/names.ts';
import type { Completeness } from './settle.ts';

/** Why a batch with a list of expected files is not claimed yet. */
export function incomplete({ missing, unexpected }: Completeness, expected: number, where: string): SealError {
  const parts = [
    ...(missing.length === 0 ? [] : [`${missing.length} of ${expected} expected files are missing (${some(missing)})`]),
    ...(unexpected.length === 0 ? [] : [`the semaphore does not name ${some(unexpected)}`]),
  ];
  return new SealError('SEAL-INPUT-MISSING', parts.join('; '), {
    where,
    hint: 'nothing, if files are still on their way; else correct the list in the semaphore',
    retryable: true,
  });
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `“${displayName(Buffer.from(name, 'latin1'))}”`);
  return names.length > 3 ? `${shown.join(', ')} …` : shown.join(', ');
}
