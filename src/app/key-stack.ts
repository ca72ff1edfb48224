import { SealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { displayName } from '../formats/names.ts';
import type { Batch } from '../model/batch.ts';
import type { KeyConfig, Pkcs11KeyConfig } from '../model/config.ts';
import type { NewStack } from '../ports/stack-store.ts';
import { mayUse, poolRules } from '../signer/sign.ts';
import type { App } from './context.ts';

/** A document of a list that a person is shown before the PIN. */
export interface StackedDocument {
  /** Id of its batch. */
  readonly batch: string;
  /** Below the batch, escaped for display. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What one PIN entry would permit: these documents and nothing else. */
export interface StackView {
  readonly key: string;
  readonly documents: number;
  /** All together. */
  readonly bytes: number;
  /** SHA-256 over the list, hexadecimal: of its text as `stackText` writes it. */
  readonly sha256: string;
  readonly batches: readonly {
    readonly id: string;
    readonly root: string;
    readonly path: string;
    readonly documents: number;
    readonly bytes: number;
  }[];
  readonly list: readonly StackedDocument[];
  /** Documents of these batches that wait as well and are beyond what one activation may sign. */
  readonly beyond: number;
}

export interface StackArgs {
  readonly name: string;
  /** Ids; empty: every batch that waits for the key. */
  readonly batches: readonly string[];
}

type StackApp = Pick<App, 'fx' | 'config'>;

/** Longer lists nobody looks at. */
const mostDocuments = 10_000;
const page = 1_000;

/** `key stack`: what the next PIN would permit. @throws SealError SEAL-USAGE, SEAL-KEY-DENIED, SEAL-BATCH-UNKNOWN, SEAL-BATCH-STATE */
export async function showStack(app: StackApp, args: StackArgs): Promise<StackView> {
  return (await collect(app, args)).view;
}

/**
 * The list that a person has seen, if it is the same still.
 * @param shown SHA-256 over the list, hexadecimal
 * @throws SealError SEAL-KEY-STACK when it is another one by now; as `showStack`
 */
export async function seenStack(app: StackApp, args: StackArgs, shown: string): Promise<Pick<NewStack, 'digest' | 'documents'>> {
  const { view, documents } = await collect(app, args);
  if (view.sha256 !== shown)
    throw new SealError('SEAL-KEY-STACK', `${args.name}: the documents that wait are not those that were shown`, {
      where: args.name,
      hint: 'the PIN was not tried; look at the list anew and enter it again',
    });
  return { digest: Buffer.from(view.sha256, 'hex'), documents };
}

/** The list as text, a line each, as sha256sum writes and checks it: its own SHA-256 is the digest that is shown and kept. */
export function stackText(list: readonly StackedDocument[]): string {
  return list.map(({ sha256: digest, batch, path }) => `${digest}  ${batch}/${path}\n`).join('');
}

/** SHA-256 over the list, hexadecimal. */
export function stackDigest(list: readonly StackedDocument[]): string {
  return sha256(Buffer.from(stackText(list))).toString('hex');
}

/** Whether its activations are stacks. */
export function signsStacks(config: KeyConfig | undefined): config is Pkcs11KeyConfig {
  return config?.source === 'pkcs11' && config.activation === 'stack';
}

interface Collected {
  readonly view: StackView;
  readonly documents: NewStack['documents'];
}

async function collect(app: StackApp, { name, batches: ids }: StackArgs): Promise<Collected> {
  const key = app.config.keys[name];
  if (key === undefined)
    throw new SealError('SEAL-KEY-UNKNOWN', `no key is called “${name}”`, { hint: '“sealtree key list” shows the keys' });
  if (!signsStacks(key))
    throw new SealError('SEAL-USAGE', `${name} signs whatever its roots have to sign: no list is shown before its PIN`, {
      where: name,
      hint: '“activation: stack” of the key demands one',
    });
  const most = Math.min(mostDocuments, key.maxSignatures ?? Infinity);
  const list: StackedDocument[] = [];
  const documents: NewStack['documents'][number][] = [];
  const batches: StackView['batches'][number][] = [];
  let beyond = 0;
  for (const { id, root, relPath } of await waitingBatches(app, name, ids)) {
    const before = list.length;
    let waiting = 0;
    for await (const document of unsigned(app, id)) {
      waiting++;
      if (list.length >= most) continue;
      list.push({ batch: id, path: displayName(document.relPath), size: document.size, sha256: document.sha256.toString('hex') });
      documents.push({ document: document.id, sha256: document.sha256 });
    }
    if (waiting === 0 && ids.length > 0) throw nothingWaits(`batch ${id}`);
    const own = list.slice(before);
    beyond += waiting - own.length;
    if (own.length > 0) batches.push({ id, root, path: displayName(relPath), documents: own.length, bytes: bytesOf(own) });
  }
  if (list.length === 0) throw nothingWaits(name);
  const view = { key: name, documents: list.length, bytes: bytesOf(list), sha256: stackDigest(list), batches, list, beyond };
  return { view, documents };
}

function bytesOf(list: readonly StackedDocument[]): number {
  return list.reduce((sum, { size }) => sum + size, 0);
}

function nothingWaits(what: string): SealError {
  return new SealError('SEAL-BATCH-STATE', `${what}: no document waits for a signature`, {
    hint: '“sealtree batch list --state waiting” shows what waits, and for whom',
  });
}

/** The named ones, or all that wait for the key: the most urgent first, then the oldest. */
async function waitingBatches({ fx, config }: StackApp, key: string, ids: readonly string[]): Promise<Batch[]> {
  const rules = poolRules(config);
  const may = ({ root, keys }: Batch): boolean => keys.includes(key) && mayUse(rules, root, key);
  if (ids.length === 0)
    return (await fx.store.unfinished())
      .filter((batch) => batch.state === 'admitted' && may(batch))
      .sort((a, b) => b.priority - a.priority || a.claimedAt - b.claimedAt);
  return await Promise.all(
    [...new Set(ids)].map(async (id) => {
      const batch = await fx.store.batch(id);
      if (batch === undefined)
        throw new SealError('SEAL-BATCH-UNKNOWN', `no batch is called “${id}”`, { hint: 'see “sealtree batch list”' });
      if (!may(batch))
        throw new SealError('SEAL-KEY-DENIED', `batch ${id} may not use ${key}`, {
          hint: `it may use ${batch.keys.join(', ') || 'no key'}`,
        });
      if (batch.state !== 'admitted') throw nothingWaits(`batch ${id} (${batch.state})`);
      return batch;
    }),
  );
}

interface Unsigned {
  readonly id: number;
  readonly relPath: Buffer;
  readonly size: number;
  readonly sha256: Buffer;
}

/** Documents that no key has signed and none is signing, in their order. */
async function* unsigned({ fx }: StackApp, batch: string): AsyncGenerator<Unsigned> {
  for (let afterSeq = -1; ;) {
    const documents = await fx.store.documents(batch, { state: 'spooled', afterSeq, limit: page, omit: ['bytes', 'report'] });
    for (const { id, relPath, size, digests } of documents) {
      const digest = digests.find(([algorithm]) => algorithm === 'sha256')?.[1];
      if (digest !== undefined) yield { id, relPath, size, sha256: digest };
    }
    const last = documents.at(-1);
    if (last === undefined || documents.length < page) return;
    afterSeq = last.seq;
  }
}
