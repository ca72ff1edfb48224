import type { Call } from './context.ts';
import type { Service } from './service.ts';
import { isoTime } from './views.ts';

export interface ClosedTree {
  readonly id: string;
  readonly leaves: number;
  readonly state: 'sealed' | 'anchored';
  readonly genTime?: string;
  readonly tsa?: string;
  /** Why it has no timestamp yet. */
  readonly reason?: string;
}

export interface CloseResult {
  readonly trees: readonly ClosedTree[];
}

/** `archive close`: seals the open tree now and anchors whatever is sealed. A tree without timestamp stays sealed and is tried again. */
export async function closeArchive({ app, closing }: Service, _: object, call: Call): Promise<CloseResult> {
  const outcome = await closing.close(call.actor, call.signal);
  const trees: ClosedTree[] = [];
  for (const token of outcome.anchored) {
    const [tree] = await app.fx.store.trees({ id: token.tree });
    trees.push({ id: token.tree, leaves: tree?.leaves ?? 0, state: 'anchored', genTime: isoTime(token.genTime), tsa: token.tsa });
  }
  for (const late of outcome.late) {
    const [tree] = await app.fx.store.trees({ id: late.tree });
    const hint = late.error?.hint === undefined ? '' : ` (${late.error.hint})`;
    trees.push({
      id: late.tree,
      leaves: tree?.leaves ?? 0,
      state: 'sealed',
      ...(late.error === undefined ? {} : { reason: `${late.error.message}${hint}` }),
    });
  }
  return { trees };
}
