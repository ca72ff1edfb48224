import { parentPort } from 'node:worker_threads';
import { Paths } from '../archive/paths.ts';
import { demandLayout, TreeBuilder, tileLeaves } from '../archive/tree.ts';
import { asSealError } from '../errors.ts';
import { TileWriter } from '../effects/tile-writer.ts';
import { digestLengths } from '../formats/digests.ts';
import type { TreeAnswer, TreeMessage, TreeResult } from '../effects/tree-messages.ts';
import type { DigestAlgorithm } from '../model/algorithms.ts';

interface Job {
  readonly digest: DigestAlgorithm;
  readonly index: number | undefined;
  readonly builder: TreeBuilder;
  readonly files: TileWriter | undefined;
  leaves: number;
  /** The 256 leaves around `index`. */
  tile: Buffer;
}
let job: Job | undefined;

async function handle(message: TreeMessage): Promise<TreeResult | undefined> {
  switch (message.op) {
    case 'start':
      job?.files?.abandon();
      job = undefined;
      job = begin(message);
      return undefined;
    case 'piece':
      if (job) add(job, Buffer.from(message.leaves.buffer, message.leaves.byteOffset, message.leaves.byteLength));
      return undefined;
    case 'finish':
      return job && (await finish(job));
  }
}

function begin({ digest, layout, index, keep }: Extract<TreeMessage, { op: 'start' }>): Job {
  demandLayout(layout);
  const files = keep && new TileWriter(keep.directory, digestLengths[digest], keep.leaves);
  return { digest, index, files, builder: new TreeBuilder(digest), leaves: 0, tile: Buffer.alloc(0) };
}

function add(current: Job, leaves: Buffer): void {
  const size = digestLengths[current.digest];
  const count = leaves.length / size;
  if (current.index !== undefined && current.index >= current.leaves && current.index < current.leaves + count) {
    const first = current.index - (current.index % tileLeaves) - current.leaves;
    current.tile = Buffer.from(leaves.subarray(first * size, (first + tileLeaves) * size));
  }
  current.files?.add(0, leaves);
  current.builder.add(leaves);
  current.leaves += count;
}

async function finish(current: Job): Promise<TreeResult> {
  const { root, leaves, nodes } = current.builder.finish();
  for (const { level, hashes } of nodes) current.files?.add(level, hashes);
  const files = current.files?.finish() ?? [];
  job = undefined;
  if (current.index === undefined) return { root, leaves, nodes, files };
  const size = digestLengths[current.digest];
  const page = (level: number, first: number, count: number): Promise<Buffer> => {
    if (level === 0) return Promise.resolve(current.tile);
    const hashes = nodes.find((kept) => kept.level === level)?.hashes ?? Buffer.alloc(0);
    return Promise.resolve(hashes.subarray(first * size, (first + count) * size));
  };
  return { root, leaves, nodes, files, path: await new Paths(page, leaves, current.digest).of(current.index) };
}

parentPort?.on('message', (message: TreeMessage) => {
  void handle(message).then(
    (value) => parentPort?.postMessage({ ok: true, ...(value === undefined ? {} : { value }) } satisfies TreeAnswer),
    (thrown: unknown) => parentPort?.postMessage({ ok: false, error: asSealError(thrown).toJSON() } satisfies TreeAnswer),
  );
});
