import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { isGlob } from '../formats/globs.ts';
import { finalStates, type Batch } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import { retry as retryFailed } from '../watcher/intake.ts';
import { mustFind } from './batches.ts';
import type { Call } from './context.ts';
import type { Service } from './service.ts';

export interface BatchAnswer {
  readonly batch?: string;
  readonly message: string;
}

/**
 * `batch retry`: a waiting batch tries again at once; a failed one, or the failed part of a delivered one, is claimed anew from failed/ under a new
 * id, and signatures that were made already are used. @throws SealError SEAL-BATCH-UNKNOWN, SEAL-BATCH-STATE
 */
export async function retryBatch(
  service: Service,
  args: { readonly id: string; readonly again: boolean },
  call: Call,
): Promise<BatchAnswer> {
  const { fx } = service.app;
  const batch = await mustFind(fx.store, args.id);
  if (!finalStates.has(batch.state)) {
    service.runner.take(batch);
    service.runner.poke(batch.id);
    return { batch: batch.id, message: `${batch.id} tries again now` };
  }
  const id = await retryFailed(fx, rootOf(service, batch.root), batch, { again: args.again });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: call.actor,
    action: 'batch-retried',
    details: { batch: batch.id, as: id, again: args.again },
  });
  const reused = await fx.store.reusableSignatures(batch.id);
  service.runner.take(await mustFind(fx.store, id));
  return { batch: id, message: `${batch.id} is taken up again as ${id}${reused > 0 ? `; ${reused} signatures are used again` : ''}` };
}

/** `batch cancel`: while nothing has left the house. */
export async function cancelBatch(service: Service, args: { readonly id: string }, call: Call): Promise<BatchAnswer> {
  const batch: Batch = await mustFind(service.app.fx.store, args.id);
  await service.runner.cancel(batch.id, call.actor);
  await service.app.fx.store.audit({
    at: service.app.fx.clock.now(),
    actor: call.actor,
    action: 'batch-cancelled',
    details: { batch: batch.id },
  });
  return { batch: batch.id, message: `${batch.id} is being cancelled; its documents go to failed/` };
}

/** `batch approve`: writes the approval semaphore into a directory below incoming. @throws SealError SEAL-USAGE, SEAL-BATCH-STATE */
export async function approveBatch(
  service: Service,
  args: { readonly root: string; readonly path: string },
  call: Call,
): Promise<BatchAnswer> {
  const { fx } = service.app;
  const root = rootOf(service, args.root);
  if (root.approval.mode !== 'semaphore' || isGlob(root.approval.name))
    throw new SealError('SEAL-USAGE', `the root ${root.name} names no single semaphore file`, { hint: 'write the semaphore by hand' });
  const parts = args.path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..'))
    throw new SealError('SEAL-USAGE', `“${args.path}” is no directory below incoming`, { hint: 'give the path relative to incoming' });
  const directory = joinPath(root.incoming, parts.join('/'));
  if ((await fx.files.stat(directory))?.kind !== 'directory')
    throw new SealError('SEAL-INPUT-MISSING', `${displayName(directory)} is no directory`, { hint: 'give the path relative to incoming' });
  if (!(await fx.files.claimDurable(joinPath(directory, root.approval.name), Buffer.alloc(0))))
    throw new SealError('SEAL-BATCH-STATE', `${displayName(directory)} is approved already`, { hint: '“status” tells what it waits for' });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: call.actor,
    action: 'batch-approved',
    details: { root: root.name, path: displayName(Buffer.from(args.path)) },
  });
  return { message: `${displayName(directory)} is approved` };
}

function rootOf({ app }: Service, name: string): RootConfig {
  const root = app.config.roots[name];
  if (root === undefined)
    throw new SealError('SEAL-USAGE', `no root is called “${name}”`, { hint: `roots are ${Object.keys(app.config.roots).join(', ')}` });
  return root;
}
