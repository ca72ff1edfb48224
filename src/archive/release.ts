import { errnoOf, SealError, type ErrorReport } from '../errors.ts';
import { directoryName, displayName, joinPath } from '../formats/names.ts';
import { ownNames } from '../formats/places.ts';
import type { Batch } from '../model/batch.ts';
import { done, type StepResult } from '../model/step.ts';
import type { Effects } from '../ports/effects.ts';
import { reportBegins } from './batch-report.ts';
import { deskOf, type Delivery, type DeliveryEffects } from './delivery.ts';
import { stageOutput } from './stage.ts';

/**
 * staged → released: one rename makes the output visible, a second one its ready semaphore, each with its directory on disk before the next.
 * Never onto something that is there. After a kill it goes on where it was; output that a consumer has taken meanwhile is left alone.
 */
export async function releaseOutput(fx: DeliveryEffects, delivery: Delivery, batch: Batch, signal?: AbortSignal): Promise<StepResult> {
  const { files } = fx;
  const { root } = delivery;
  const desk = await deskOf(fx, root, 'outgoing', batch.id);
  const target = joinPath(root.outgoing, batch.outPath);
  // The desk goes when `released` is written: without it somebody has removed it, and the output is made again.
  if ((await files.stat(desk)) === undefined) {
    const staged = await stageOutput(fx, delivery, batch, signal);
    if (staged.kind !== 'done') return staged;
  }
  const output = joinPath(desk, 'batch');
  const ready = joinPath(desk, 'ready.json');
  if ((await files.stat(output)) !== undefined) {
    if ((await files.stat(target)) !== undefined) return { kind: 'wait', reason: stillThere(target) };
    await files.makeDirectory(directoryName(target));
    await files.rename(output, target);
  } else if ((await files.stat(ready)) !== undefined) {
    if (!(await isOurs(fx, target, batch))) {
      await files.remove(ready);
      return done;
    }
    // The rename may have been the last thing that happened: its name is on disk before READY is.
    await files.syncDirectory(directoryName(target));
  }
  if ((await files.stat(ready)) !== undefined) await announce(fx, ready, joinPath(target, root.ready));
  return done;
}

async function announce({ files }: Pick<Effects, 'files'>, ready: Buffer, semaphore: Buffer): Promise<void> {
  try {
    await files.rename(ready, semaphore);
  } catch (thrown) {
    // The consumer took the directory before it was announced.
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
}

/** Whether what lies there after a kill is this batch's output, and not another's that came after a consumer had taken ours. */
async function isOurs({ files }: Pick<Effects, 'files'>, target: Buffer, batch: Batch): Promise<boolean> {
  const report = joinPath(target, ownNames.report);
  if ((await files.stat(report)) === undefined) return false;
  const expected = reportBegins(batch);
  return expected.equals(await files.readAt(report, 0, expected.length));
}

function stillThere(target: Buffer): ErrorReport {
  return new SealError('SEAL-BATCH-STATE', 'outgoing still holds an output with this path', {
    where: displayName(target),
    hint: 'collect it, or set onExisting: number for the root',
    retryable: true,
  }).toJSON();
}
