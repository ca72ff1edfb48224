/** Works on a store as the daemon does and prints a line for each call that resolved, until it is killed: see crash.test.ts. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/effects/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { documentLeaf, newBatch, newDocuments, newSignature, sha256, treeOptions } from '../suites/store-samples.ts';

const store = await openStore({ clock: systemClock }, { file: process.argv[2] ?? '' });

/** In the pipe when it returns; waits while the pipe is full. */
function say(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN')) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

say('started');

async function batch(id: string): Promise<void> {
  await store.createBatch(newBatch(id));
  say(`created ${id}`);
  await store.recordSpooled(id, newDocuments(20));
  say(`spooled ${id}`);
  await store.advance(id, 'spooled', 'admitted');
  const documents = (await store.documents(id)).map((document) => document.id);
  for (let at = 0; at < documents.length; at += 5) {
    const intents = await store.recordIntents('card-1', documents.slice(at, at + 5), 1);
    await store.recordOutcomes(intents.map(({ id: intent, document }) => ({ intent, document, signature: newSignature() })));
    for (const { document } of intents) say(`signed ${id} ${document}`);
    const verdicts = intents.map(({ document }) => ({ document, outputDigest: sha256('o'), outputSize: 1, report: {} }));
    await store.recordVerified(verdicts);
    for (const { document } of intents) say(`verified ${id} ${document}`);
  }
  await store.advance(id, 'admitted', 'signed');
  const leaves = documents.map((document) => documentLeaf(`${id}/${document}`, document));
  await store.appendLeaves({ tree: treeOptions, leaves, blobs: [], batch: id });
  say(`archived ${id}`);
  for (const document of documents) say(`leaf ${id}/${document}`);
}

for (let n = 0; ; n++) await Promise.all(['a', 'b', 'c'].map((name) => batch(`${process.pid}-${n}${name}`)));
