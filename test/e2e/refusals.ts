import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.ts';
import type { House } from './house.ts';

/** What `error.json` says, of the batch and of each document. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
  readonly retryable: boolean;
}

export interface Refused extends Refusal {
  readonly documents: readonly (Refusal & { readonly document: string })[];
}

/** The batch lies in failed/ with its reason; it is neither in incoming nor, as a whole, in outgoing. */
export function refusedBatch(house: House, root: string, path: string): Refused {
  const failed = house.at(root, 'failed', path);
  assert.ok(existsSync(join(failed, 'FAILED')), `${path} is not in failed/`);
  assert.equal(existsSync(house.at(root, 'incoming', path)), false);
  const refused = JSON.parse(readFileSync(join(failed, 'error.json'), 'utf8')) as Refused;
  for (const one of [refused, ...refused.documents]) {
    assert.match(one.message, /\S/);
    assert.match(one.remedy, /\S/);
    assert.notEqual(one.remedy, 'see the log', `${one.code} without a remedy`);
  }
  return refused;
}

/** Why a batch stands still, as `batch list --json` says. */
export interface Waiting {
  readonly path: string;
  readonly state: string;
  readonly waiting?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
}
