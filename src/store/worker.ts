import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './database.ts';
import { storeError } from './faults.ts';
import { pack, unpack, type AnswerMessage, type CallMessage, type WorkerOptions } from './messages.ts';
import { methods as kinds } from './methods.ts';
import { migrate } from './migrations.ts';
import { storeMethods } from './store.ts';
import { tileFiles } from './tile-files.ts';
import type { Database } from 'better-sqlite3';

const port = parentPort;
if (port === null) throw new Error('not a worker thread');
const { file, readOnly } = workerData as WorkerOptions;

/** Results from this size on go over as they are, not packed: leaf hashes of a day are hundreds of MB. */
const rawFrom = 65_536;

let now = 0;

function send(answer: AnswerMessage): void {
  port?.postMessage(answer, answer.kind === 'error' ? [] : [answer.bytes.buffer as ArrayBuffer]);
}

function fail(call: number, thrown: unknown): AnswerMessage {
  return { call, kind: 'error', error: storeError(thrown, file).toJSON() };
}

function serve(db: Database): void {
  const methods = storeMethods({ db, now: () => now }, tileFiles(join(dirname(file), 'tiles')));
  const queue: CallMessage[] = [];

  const run = db.transaction((message: CallMessage): AnswerMessage => {
    if (message.method === 'close') return { call: message.call, kind: 'packed', bytes: pack(undefined) };
    now = message.now;
    const method = methods[message.method] as (...args: unknown[]) => unknown;
    const result = method(...(unpack(message.bytes) as unknown[]));
    if (Buffer.isBuffer(result) && result.length >= rawFrom && result.length === result.buffer.byteLength)
      return { call: message.call, kind: 'raw', bytes: result };
    return { call: message.call, kind: 'packed', bytes: pack(result) };
  });

  // Calls that came while the last commit was written share the next one: each is a savepoint of its own, and none is answered before
  // the commit is on disk.
  const together = db.transaction((messages: readonly CallMessage[]) =>
    messages.map((message) => {
      try {
        return run(message);
      } catch (thrown) {
        if (!db.inTransaction) throw thrown;
        return fail(message.call, thrown);
      }
    }),
  );

  const settle = (messages: readonly CallMessage[]): AnswerMessage[] => {
    const writes = !readOnly && messages.some(({ method }) => method !== 'close' && kinds[method] === 'write');
    try {
      return writes ? together.immediate(messages) : together.deferred(messages);
    } catch (thrown) {
      // Nothing of it was written. One at a time, only those fail that must.
      return messages.length > 1 ? messages.flatMap((message) => settle([message])) : messages.map(({ call }) => fail(call, thrown));
    }
  };

  port?.on('message', (message: CallMessage) => {
    if (queue.push(message) > 1) return;
    setImmediate(() => {
      const messages = queue.splice(0);
      const closing = messages.some(({ method }) => method === 'close');
      const answers = settle(messages);
      if (closing) db.close();
      answers.forEach(send);
      if (closing) port.close();
    });
  });
}

try {
  const db = openDatabase(file, readOnly);
  migrate(db);
  serve(db);
  send({ call: 0, kind: 'packed', bytes: pack(undefined) });
} catch (thrown) {
  send(fail(0, thrown));
  port.close();
}
