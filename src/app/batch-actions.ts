import { SealError } from '../errors.ts';
import { displayName, joinPath } from '../formats/names.ts';
import { isGlob } from '../formats/globs.ts';
import { finalStates, type Batch } from '../model/batch.ts';
import type { RootConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { Store } from '../ports/store.ts';
import { retry as retryFailed } from '../watcher/intake.ts';
import { holdsFailed, mustFind, noRoot, retriedAs } from './batches.ts';
import { commandRoots } from './command-batch.ts';
import type { Call } from './context.ts';
import type { Service } from './service.ts';

export interface BatchAnswer {
  readonly batch?: string;
  readonly message: string;
}

/**
 * `batch retry`: a waiting batch tries again at once; a failed one, or the failed part of a delivered one, is claimed anew from failed/ under a new
 * id, and signatures that were made already are used. Without a daemon it goes on when one runs.
 * @throws SealError SEAL-BATCH-UNKNOWN, SEAL-BATCH-ENDED, SEAL-BATCH-DUPLICATE, SEAL-INPUT-MISSING, SEAL-USAGE
 */
export async function retryBatch(
  service: Service,
  args: { readonly id: string; readonly again: boolean },
  call: Pick<Call, 'actor'>,
): Promise<BatchAnswer> {
  const { fx } = service.app;
  const batch = await mustFind(fx.store, args.id);
  const root = rootOf(service, batch.root);
  if (!finalStates.has(batch.state)) return tryNow(service, batch);
  await demandRemainder(fx.store, batch, args.again);
  const id = await retryFailed(fx, root, batch, { again: args.again });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: call.actor,
    action: 'batch-retried',
    details: { batch: batch.id, as: id, again: args.again },
  });
  const reused = await fx.store.reusableSignatures(batch.id);
  if (service.resident) service.runner.take(await mustFind(fx.store, id));
  const how = [
    ...(reused > 0 ? [`${reused} signatures are used again`] : []),
    ...(service.resident ? [] : ['it goes on when the daemon runs']),
  ];
  return { batch: id, message: [`${batch.id} is taken up again as ${id}`, ...how].join('; ') };
}

function tryNow({ runner, resident }: Service, batch: Batch): BatchAnswer {
  if (!resident) return { batch: batch.id, message: `${batch.id} is ${batch.state}; it goes on when the daemon runs` };
  runner.take(batch);
  runner.poke(batch.id);
  return { batch: batch.id, message: `${batch.id} tries again now` };
}

/** Whether there is something left to be done; says otherwise what became of it. */
async function demandRemainder(store: Store, batch: Batch, again: boolean): Promise<void> {
  if (!holdsFailed(batch))
    throw new SealError('SEAL-BATCH-ENDED', `${batch.id} is ${batch.state}: there is nothing to retry`, {
      hint:
        batch.state === 'delivered'
          ? 'all of its documents were delivered'
          : 'it was withdrawn before it was claimed; approve it in incoming',
    });
  const next = await retriedAs(store, batch);
  if (next !== undefined)
    throw new SealError('SEAL-BATCH-ENDED', `${batch.id} was taken up again as ${next}`, { hint: `see “sealtree batch show ${next}”` });
  if (batch.error?.code === 'SEAL-BATCH-DUPLICATE' && !again)
    throw new SealError('SEAL-BATCH-DUPLICATE', batch.error.message, {
      hint: `“sealtree batch retry ${batch.id} --again” signs it once more all the same`,
    });
}

/**
 * `batch cancel`: while nothing has left the house.
 * @throws SealError SEAL-BATCH-UNKNOWN, SEAL-BATCH-ENDED; SEAL-BATCH-STATE when its output is on the way out
 */
export async function cancelBatch(service: Service, args: { readonly id: string }, call: Pick<Call, 'actor'>): Promise<BatchAnswer> {
  const { fx } = service.app;
  const batch = await mustFind(fx.store, args.id);
  if (finalStates.has(batch.state))
    throw new SealError('SEAL-BATCH-ENDED', `${batch.id} is ${batch.state} already`, { hint: `see “sealtree batch show ${batch.id}”` });
  await service.runner.cancel(batch.id, call.actor);
  await fx.store.audit({ at: fx.clock.now(), actor: call.actor, action: 'batch-cancelled', details: { batch: batch.id } });
  return { batch: batch.id, message: `${batch.id} is being cancelled; its documents go to failed/` };
}

/**
 * `batch approve`: writes the approval semaphore into a directory below incoming.
 * @throws SealError SEAL-USAGE, SEAL-INPUT-MISSING, SEAL-BATCH-STATE
 */
export async function approveBatch(
  service: Service,
  args: { readonly root: string; readonly path: string },
  call: Pick<Call, 'actor'>,
): Promise<BatchAnswer> {
  const { fx } = service.app;
  const root = rootOf(service, args.root);
  if (root.approval.mode !== 'semaphore')
    throw new SealError('SEAL-USAGE', `the root ${root.name} needs no semaphore`, {
      hint: 'it takes directories that have not changed for “approval.quiet”',
    });
  if (isGlob(root.approval.name))
    throw new SealError('SEAL-USAGE', `the root ${root.name} names no single semaphore file`, {
      hint: `write a file whose name fits ${root.approval.name}`,
    });
  const directory = joinPath(root.incoming, await pathBelow(fx, root, args.path));
  if (!(await fx.files.claimDurable(joinPath(directory, root.approval.name), Buffer.alloc(0))))
    throw new SealError('SEAL-BATCH-STATE', `${displayName(directory)} holds ${root.approval.name} already`, {
      hint: '“sealtree status” tells what it waits for',
    });
  await fx.store.audit({
    at: fx.clock.now(),
    actor: call.actor,
    action: 'batch-approved',
    details: { root: root.name, path: displayName(Buffer.from(args.path)) },
  });
  const how = service.resident ? 'it is claimed when it has settled' : 'it is claimed when the daemon runs';
  return { message: `${displayName(directory)} is approved; ${how}` };
}

async function pathBelow({ files }: Pick<Effects, 'files'>, root: RootConfig, path: string): Promise<string> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const hint = `give a path below ${displayName(root.incoming)}`;
  if (path.startsWith('/') || parts.length === 0 || parts.includes('..'))
    throw new SealError('SEAL-USAGE', `“${displayName(path)}” is no directory below incoming`, { hint });
  const below = parts.join('/');
  const directory = joinPath(root.incoming, below);
  const kind = (await files.stat(directory))?.kind;
  if (kind === 'directory') return below;
  throw new SealError('SEAL-INPUT-MISSING', `${displayName(directory)} ${kind === undefined ? 'does not exist' : `is a ${kind}`}`, {
    hint,
  });
}

function rootOf({ app }: Service, name: string): RootConfig {
  const root = app.config.roots[name];
  if (root !== undefined) return root;
  if (Object.values<string>(commandRoots).includes(name))
    throw new SealError('SEAL-USAGE', 'this was a command, not a batch of a root', { hint: 'repeat the command' });
  throw noRoot(app.config, name);
}
