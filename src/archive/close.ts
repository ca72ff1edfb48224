import { anchorInOrder, stampRoot, type Anchored, type Attempt } from './anchoring.ts';
import { treeNow } from './append.ts';
import { tokenLinks } from './links.ts';
import { leafPieces, nodesOfTree } from './paths.ts';
import { dayAt } from './schedule.ts';
import { completeToken } from './token-material.ts';
import { demandLayout } from './tree.ts';
import { SealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import type { TsaChoice } from '../pki/tsa-selection.ts';
import type { SealReason } from './schedule.ts';
import type { ArchiveConfig } from '../model/config.ts';
import type { Tree, TreeToken } from '../model/archive.ts';
import type { Trust } from '../pki/trust.ts';
import type { Effects } from '../ports/effects.ts';

export interface ClosingSettings {
  readonly archive: Pick<ArchiveConfig, 'timezone' | 'closeAt' | 'closing' | 'digest' | 'timestamps' | 'revocationGrace'>;
  /** In order of preference. */
  readonly tsas: readonly TsaChoice[];
  readonly trust: Trust;
}

export type ClosingEffects = Pick<Effects, 'clock' | 'log' | 'revocation' | 'store' | 'trees' | 'tsas'>;

/** A timestamp that far from our clock is worth a word: one of the two is wrong. */
const clockTolerance = 5 * 60_000;

/**
 * Open → sealed: from now on new leaves go to the next tree. Tokens of earlier trees that no tree holds yet go in before.
 * @param reason for the audit log; `manual` for a person
 * @returns undefined when no tree is open, or the open one has no leaf
 */
export async function sealOpenTree(
  fx: ClosingEffects,
  settings: ClosingSettings,
  reason: SealReason | 'manual',
  actor = 'sealtree',
): Promise<Tree | undefined> {
  const [open] = await fx.store.trees({ states: ['open'] });
  if (open === undefined || open.leaves === 0) return undefined;
  const links = await tokenLinks(fx, open.digest);
  if (links.length > 0) await fx.store.appendLeaves({ tree: treeNow(fx, settings.archive), leaves: links, blobs: [] });
  const at = fx.clock.now();
  const tree = await fx.store.seal(open.id, at);
  if (tree === undefined) return undefined;
  await fx.store.audit({ at, actor, action: 'tree-sealed', details: { tree: tree.id, leaves: tree.leaves, reason } });
  await amendDay(fx, settings, tree);
  fx.log.info({ tree: tree.id, leaves: tree.leaves, reason }, 'tree sealed');
  return tree;
}

/** A day that was recorded while the clock was ahead gets the tree it really had. */
async function amendDay(fx: ClosingEffects, { archive }: ClosingSettings, tree: Tree): Promise<void> {
  const day = dayAt(archive, tree.openedAt);
  const lastDay = await fx.store.lastDay();
  if (lastDay !== undefined && day <= lastDay) await fx.store.recordDay(day, fx.clock.now(), [tree.id]);
}

/** The root of a sealed tree, computed in the worker and kept with every eighth level. @throws SealError SEAL-ARCHIVE-DAMAGED */
async function rootOfSealed(fx: Pick<Effects, 'store' | 'trees'>, tree: Tree): Promise<Buffer> {
  if (tree.root !== undefined) return tree.root;
  demandLayout(tree.layout);
  const { root, leaves, nodes } = await fx.trees.build(leafPieces(nodesOfTree(fx.store, tree.id), tree.leaves), tree.digest, tree.layout);
  if (leaves !== tree.leaves)
    throw new SealError('SEAL-ARCHIVE-DAMAGED', `tree ${tree.id} has ${leaves} leaf hashes, ${tree.leaves} were counted`, {
      hint: 'run `sealtree archive check`, restore the last backup',
    });
  await fx.store.setRoot(tree.id, root, nodes);
  return root;
}

/**
 * Sealed → anchored: a timestamp over the root from the first authority that gives one, with its certificates and what revocation data
 * exists embedded (RFC 4998 §4.2; evidence-records 14–20).
 * @param n 1, or 2 for the second one of `timestamps: 2`, which comes from another authority
 * @throws SealError SEAL-TSA-* while there is none: the tree stays as it is
 */
export async function anchorTree(
  fx: ClosingEffects,
  { tsas, trust }: ClosingSettings,
  tree: Tree,
  n: number,
  attempt: Attempt = {},
): Promise<TreeToken> {
  const root = await rootOfSealed(fx, tree);
  const used = new Set((await fx.store.tokens(tree.id)).map(({ tsa }) => tsa));
  const others = tsas.filter(({ name }) => !used.has(name));
  const timestamp = await stampRoot(fx, others, tree, root, attempt);
  const complete = await completeToken(fx, trust, timestamp.token, undefined, attempt.signal);
  if (!complete.complete) fx.log.warn({ tree: tree.id, tsa: timestamp.tsa, missing: complete.missing }, 'timestamp cannot be proven yet');
  const { tsa, genTime, accuracy } = timestamp;
  const token: TreeToken = { tree: tree.id, n, tsa, token: complete.token, genTime, accuracy, frozen: false };
  const at = fx.clock.now();
  await fx.store.addToken(token, at);
  await fx.store.audit({
    at,
    actor: 'sealtree',
    action: 'tree-anchored',
    details: {
      tree: tree.id,
      n,
      tsa,
      genTime: new Date(genTime).toISOString(),
      root: root.toString('hex'),
      token: sha256(token.token).toString('hex'),
    },
  });
  if (Math.abs(genTime - at) > clockTolerance)
    fx.log.error({ tree: tree.id, tsa, genTime, clock: at }, 'the clock of this machine and the timestamp authority differ');
  fx.log.info({ tree: tree.id, n, tsa }, 'tree anchored');
  return token;
}

/** Anchors sealed trees in their order. @throws only what is no failure of an authority */
export async function anchorSealed(fx: ClosingEffects, settings: ClosingSettings, attempt: Attempt = {}): Promise<Anchored<TreeToken>> {
  const waiting = await fx.store.trees({ states: ['sealed'] });
  return await anchorInOrder(waiting, (tree) => anchorTree(fx, settings, tree, 1, attempt), attempt.signal);
}
