import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.ts';
import type { House } from './house.ts';
import { assertComplete } from './ready.ts';

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

/** A run that leaves all these batches of the root `files` waiting; nothing of them is delivered or lost. @returns why, by path */
export async function runWaits(house: House, paths: readonly string[]): Promise<Map<string, NonNullable<Waiting['waiting']>>> {
  const { status, stdout, stderr } = await house.run('run', '--once');
  assert.equal(status, 75, `${stdout}${stderr}`);
  const reasons = new Map<string, NonNullable<Waiting['waiting']>>();
  for (const { path, waiting } of await house.ask<Waiting[]>('batch', 'list', '--state', 'waiting')) {
    assert.match(waiting?.hint ?? '', /\S/, `${path}: ${waiting?.code ?? ''} without a remedy`);
    if (waiting !== undefined) reasons.set(path, waiting);
    assert.equal(existsSync(house.at('files', 'outgoing', path)), false);
  }
  assert.deepEqual([...reasons.keys()].sort(), [...paths].sort());
  return reasons;
}

/** A run that delivers exactly these batches of the root `files`. */
export async function runDelivers(house: House, paths: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await house.run('run', '--once');
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.deepEqual(assertComplete(house.directory, 'files').sort(), [...paths].sort());
}
