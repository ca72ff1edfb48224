import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SealError } from '../errors.ts';
import { inTurn } from '../model/in-turn.ts';
import { digestLengths } from '../formats/digests.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';
import type { TreeWork } from '../ports/trees.ts';
import type { KeptTree, TreeAnswer, TreeMessage, TreeResult } from './tree-messages.ts';

type Pieces = AsyncIterable<Buffer> | Iterable<Buffer>;

/** Leaves sent to the worker at once: 2 MiB of SHA-256 hashes. */
const pieceLeaves = 65_536;

/**
 * Hash trees in a worker thread, which starts with the first tree and does not keep the process alive between two. One tree at a time.
 * @param tiles directory of the tile files; without it no tree can be written to them
 */
export function treeWorker(tiles?: string): TreeWork {
  const link = new WorkerLink();
  const turn = inTurn();
  const run = (pieces: Pieces, digest: DigestAlgorithm, layout: number, more: { index?: number; keep?: KeptTree } = {}) =>
    turn(() => feed(link, pieces, { op: 'start', digest, layout, ...more }));
  return {
    async build(pieces, digest, layout) {
      const { root, leaves, nodes } = await run(pieces, digest, layout);
      return { root: buffer(root), leaves, nodes: nodes.map(({ level, hashes }) => ({ level, hashes: buffer(hashes) })) };
    },
    async root(leaves, digest, layout) {
      return buffer((await run(cut(leaves, digest), digest, layout)).root);
    },
    async path(leaves, index, digest, layout) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length / digestLengths[digest])
        throw new SealError('SEAL-INTERNAL', `the tree has no leaf ${index}`);
      return ((await run(cut(leaves, digest), digest, layout, { index })).path ?? []).map(buffer);
    },
    async file(pieces, { id, digest, layout, leaves: count }) {
      if (tiles === undefined) throw new SealError('SEAL-INTERNAL', 'there is no directory for tile files');
      const { root, leaves, files } = await run(pieces, digest, layout, { keep: { directory: join(tiles, id), leaves: count } });
      return { root: buffer(root), leaves, files: files.map((file) => ({ ...file, sha256: buffer(file.sha256) })) };
    },
    close: () => turn(() => link.close()),
  };
}

function* cut(leaves: Buffer, digest: DigestAlgorithm): Iterable<Buffer> {
  const step = pieceLeaves * digestLengths[digest];
  for (let at = 0; at < leaves.length; at += step) yield leaves.subarray(at, at + step);
}

/** While the worker hashes one piece the next one is read; no more are under way. */
async function feed(link: WorkerLink, pieces: Pieces, start: TreeMessage): Promise<TreeResult> {
  await link.ask(start);
  let hashed: Promise<unknown> = Promise.resolve();
  for await (const piece of pieces) {
    await hashed;
    // A copy of its own, so that only these bytes cross and the caller's buffer stays his.
    const leaves = Uint8Array.from(piece);
    hashed = link.ask({ op: 'piece', leaves }, [leaves.buffer]);
    hashed.catch(() => undefined);
  }
  await hashed;
  const result = await link.ask({ op: 'finish' });
  if (result === undefined) throw new SealError('SEAL-INTERNAL', 'the tree worker gave no result');
  return result;
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface Waiting {
  readonly resolve: (value: TreeResult | undefined) => void;
  readonly reject: (error: SealError) => void;
}

/** Request and answer over the port of one worker; a worker that died is started again by the next question. */
class WorkerLink {
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];

  ask(message: TreeMessage, transfer: ArrayBuffer[] = []): Promise<TreeResult | undefined> {
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(message, transfer);
    });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    // Node runs the sources directly; the published package has .js beside this file.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`../workers/trees.${extension}`, import.meta.url), { name: 'trees' });
    worker.on('message', (answer: TreeAnswer) => {
      const waiting = this.#waiting.shift();
      if (this.#waiting.length === 0) worker.unref();
      if (answer.ok) waiting?.resolve(answer.value);
      else waiting?.reject(SealError.from(answer.error));
    });
    const lost = (cause: unknown): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const waiting of this.#waiting.splice(0))
        waiting.reject(new SealError('SEAL-INTERNAL', 'the tree worker ended', { cause, retryable: true }));
    };
    worker.on('error', lost);
    worker.on('exit', (code) => {
      lost(new Error(`exit ${code}`));
    });
    return worker;
  }
}
