import { createHash, randomBytes } from 'node:crypto';
import { MerkleTree } from 'merkletreejs';
import { portablePairHash } from '../../src/archive/pair-hash.ts';
import { TreeBuilder } from '../../src/archive/tree.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { interleave, print } from '../measure.ts';

const leaves = 1_000_000;
const piece = 65_536 * 32;

async function* pieces(day: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < day.length; at += piece) yield await Promise.resolve(day.subarray(at, at + piece));
}

/** Root and kept levels of a day of a million leaves, SHA-256: the pure tree, the worker with its copies, and merkletreejs. */
export default async function closing(): Promise<void> {
  const day = randomBytes(leaves * 32);
  const list = Array.from({ length: leaves }, (_, n) => day.subarray(n * 32, n * 32 + 32));
  const trees = treeWorker();
  const level = Buffer.alloc(day.length / 2);
  const rates = await interleave(
    {
      ours: {
        n: leaves,
        run: () => {
          const builder = new TreeBuilder('sha256');
          for (let at = 0; at < day.length; at += piece) builder.add(day.subarray(at, at + piece));
          builder.finish();
        },
      },
      worker: {
        n: leaves,
        run: async () => {
          await trees.build(pieces(day), 'sha256', 1);
        },
      },
      portable: {
        n: leaves,
        // Half of the hashes of the tree, all in its lowest level.
        run: () => {
          const hash = portablePairHash('sha256');
          hash.hashPairs(day, leaves / 2, level);
          hash.hashPairs(level, leaves / 4, Buffer.alloc(level.length / 2));
        },
      },
      merkletreejs: {
        n: leaves,
        run: () => {
          new MerkleTree(list, (data: Buffer) => createHash('sha256').update(data).digest(), { sortPairs: true }).getRoot();
        },
      },
    },
    { rounds: Number(process.env['ROUNDS'] ?? 3) },
  );
  await trees.close();
  process.stdout.write(`  in the worker ${Math.round(rates.worker.wall).toLocaleString('en')} leaves/s; without native code about `);
  process.stdout.write(`${Math.round(rates.portable.cpu * 0.75).toLocaleString('en')} leaves/s\n`);
  print({ row: 'closing', ours: rates.ours.cpu, peer: rates.merkletreejs.cpu, of: 'merkletreejs', goal: 8, unit: 'leaves/CPU-s' });
}
