import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failBatch, fileOriginals, releaseOutput, stageOutput, type Delivery } from '../../src/archive/outgoing.ts';
import { SealError } from '../../src/errors.ts';
import { spoolFile } from '../../src/formats/places.ts';
import type { Batch, BatchDocument, BatchState, DocumentSignature } from '../../src/model/batch.ts';
import type { StepResult } from '../../src/model/step.ts';
import type { OutputPart } from '../../src/ports/bytes.ts';
import type { Files } from '../../src/ports/files.ts';
import { spool } from '../../src/watcher/intake.ts';
import type { IntakeHouse } from './intake.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Pretends to sign: a detached signature of some bytes, or the document with some bytes behind it. */
function pretend(house: IntakeHouse, document: BatchDocument, embedded: boolean): DocumentSignature {
  const input = readFileSync(spoolFile(house.config.dataDir, document.batch, document.seq));
  const name = document.relPath.subarray(document.relPath.lastIndexOf(0x2f) + 1);
  const mark = Buffer.from(`signature of ${document.seq}`);
  const parts: OutputPart[] = embedded ? [{ offset: 0, length: input.length }, mark] : [mark];
  const output = embedded ? Buffer.concat([input, mark]) : mark;
  return {
    ...{
      key: 'key',
      certificate: Buffer.alloc(32, 1),
      format: embedded ? 'pades' : 'cades',
      level: 'B-B',
      signingTime: house.clock.now(),
      parts,
    },
    outputName: embedded ? name : Buffer.concat([name, Buffer.from('.p7s')]),
    outputDigest: sha256(output),
    outputSize: output.length,
  };
}

/**
 * A batch whose documents are signed, verified and archived as far as the database knows, its private copies in the spool. Documents called
 * `*.pdf` have an embedded signature, others a detached one; `*.bad` have failed.
 */
export async function archivedBatch(house: IntakeHouse, path: string, files: Readonly<Record<string, string>>): Promise<Batch> {
  const { store, clock } = house.fx;
  house.place(path, files);
  const batch = await house.claimed(path);
  assert.deepEqual(await spool(house.fx, house.config, house.root, batch), { kind: 'done' });
  await store.advance(batch.id, 'spooled', 'admitted');
  const all = await house.documents(batch.id);
  const bad = all.filter(({ relPath, state }) => state !== 'failed' && relPath.toString('latin1').endsWith('.bad'));
  const error = new SealError('SEAL-DOC-DAMAGED', 'broken', { hint: 'mend it' }).toJSON();
  if (bad.length > 0) await store.failDocuments(bad.map(({ id }) => ({ document: id, error })));
  const good = all.filter((document) => document.state !== 'failed' && !bad.includes(document));
  if (batch.keys.length > 0 && good.length > 0) {
    const intents = await store.recordIntents(
      'key',
      good.map(({ id }) => id),
      clock.now(),
    );
    const signatures = new Map(
      good.map((document) => [document.id, pretend(house, document, document.relPath.toString('latin1').endsWith('.pdf'))]),
    );
    await store.recordOutcomes(
      intents.map(({ id, document }) => {
        const signature = signatures.get(document);
        assert.ok(signature);
        return { intent: id, document, signature };
      }),
    );
    await store.recordVerified(
      [...signatures].map(([document, { outputDigest = Buffer.alloc(0), outputSize = 0 }]) => ({
        document,
        outputDigest,
        outputSize,
        report: null,
      })),
    );
  } else if (good.length > 0) {
    await store.recordVerified(
      good.map(({ id, digests, size }) => ({
        document: id,
        outputDigest: digests[0]?.[1] ?? Buffer.alloc(0),
        outputSize: size,
        report: null,
      })),
    );
  }
  await store.advance(batch.id, 'admitted', 'signed');
  await store.advance(batch.id, 'signed', 'archived');
  return await house.batch(batch.id);
}

const steps: Partial<Record<BatchState, readonly [(house: IntakeHouse, batch: Batch) => Promise<StepResult>, BatchState]>> = {
  archived: [async (house, batch) => await stageOutput(house.fx, deliveryOf(house), batch), 'staged'],
  staged: [async (house, batch) => await releaseOutput(house.fx, deliveryOf(house), batch), 'released'],
  released: [async (house, batch) => await fileOriginals(house.fx, deliveryOf(house), batch, 'none'), 'delivered'],
  failing: [async (house, batch) => await failBatch(house.fx, deliveryOf(house), batch), 'failed'],
};

export function deliveryOf(house: IntakeHouse): Delivery {
  return { root: house.root, dataDir: house.config.dataDir };
}

/** Takes the batch on as the runner does, until it has ended or a step does not end well. */
export async function drive(house: IntakeHouse, id: string, files: Files = house.fx.files): Promise<StepResult> {
  for (;;) {
    const batch = await house.batch(id);
    const step = steps[batch.state];
    if (step === undefined) return { kind: 'done' };
    const result = await step[0](house.with({ fx: { files } }), batch);
    if (result.kind !== 'done') return result;
    await house.fx.store.advance(id, batch.state, step[1]);
  }
}

export interface Ready {
  readonly batch: string;
  readonly anchored: boolean;
  readonly partOf?: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly files: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
}

/** Where there is a ready semaphore, every file that it names is there, whole. Undefined: nothing is announced. */
export function announced(house: IntakeHouse, path: string): Ready | undefined {
  const output = join(house.root.outgoing, path);
  if (!existsSync(join(output, house.root.ready))) return undefined;
  const ready = JSON.parse(readFileSync(join(output, house.root.ready), 'utf8')) as Ready;
  for (const { name, size, sha256: digest } of ready.files) {
    assert.equal(statSync(join(output, name)).size, size, name);
    assert.equal(sha256(readFileSync(join(output, name))).toString('hex'), digest, name);
  }
  assert.deepEqual(
    house.tree(output).filter((file) => !file.endsWith('/') && file !== house.root.ready),
    ready.files.map(({ name }) => Buffer.from(name).toString('latin1')).sort(),
  );
  return ready;
}
