// A worker that misbehaves as its jobs tell it to; answers others with the size of their path.
import { parentPort, workerData } from 'node:worker_threads';
import { pack, progressCells, unpackMessage, type DocumentAnswer } from '../../src/effects/documents-messages.ts';

const progress = new Int32Array(workerData as SharedArrayBuffer);

function run(path: string): void {
  if (path.includes('hang')) for (;;) Atomics.load(progress, progressCells.job);
  if (path.includes('wait')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  if (path.includes('memory')) {
    const hoard: number[][] = [];
    for (;;) hoard.push(Array.from({ length: 100_000 }, Math.random));
  }
  if (path.includes('exit')) process.exit(7);
}

parentPort?.on('message', (bytes: Uint8Array) => {
  const request = unpackMessage(bytes);
  if (request.op !== 'prepare') return;
  const answers: DocumentAnswer = request.jobs.map((job, index) => {
    Atomics.store(progress, progressCells.job, index);
    run(job.path.toString());
    return { ok: true, value: { format: 'cades', signature: { toBeSigned: Buffer.from(job.path), state: null } } };
  });
  const packed = pack(answers);
  parentPort?.postMessage(packed, [packed.buffer]);
});
