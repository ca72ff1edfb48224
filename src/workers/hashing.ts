import { parentPort } from 'node:worker_threads';
import { asSealError, SealError } from '../errors.ts';
import { toCrossing } from '../effects/files-errors.ts';
import { fileJob, type FileJobResult } from '../effects/files-jobs.ts';
import type { FileAnswer, FileRequest } from '../effects/files-messages.ts';

interface Task {
  readonly id: number;
  readonly steps: Generator<void, FileJobResult>;
}

/** ms of work between two looks at the messages. */
const stretch = 10;
const tasks: Task[] = [];
let running = false;

function advance(task: Task): FileAnswer | undefined {
  try {
    const step = task.steps.next();
    return step.done === true ? { id: task.id, ok: true, result: step.value } : undefined;
  } catch (thrown) {
    return { id: task.id, ok: false, error: toCrossing(asSealError(thrown)) };
  }
}

/** Round robin: small files pass large ones. */
function run(): void {
  const answers: FileAnswer[] = [];
  const until = performance.now() + stretch;
  do {
    const task = tasks.shift();
    if (task === undefined) break;
    const answer = advance(task);
    if (answer === undefined) tasks.push(task);
    else answers.push(answer);
  } while (performance.now() < until);
  if (answers.length > 0) parentPort?.postMessage(answers);
  running = tasks.length > 0;
  if (running) setImmediate(run);
}

parentPort?.on('message', (request: FileRequest) => {
  if (request.op === 'drop') {
    // A job that has ended meanwhile has been answered.
    const at = tasks.findIndex((task) => task.id === request.id);
    const [task] = at >= 0 ? tasks.splice(at, 1) : [];
    if (task === undefined) return;
    task.steps.return({ size: 0, digests: [] });
    const error = toCrossing(new SealError('SEAL-INTERRUPTED', 'no longer wanted'));
    parentPort?.postMessage([{ id: task.id, ok: false, error } satisfies FileAnswer]);
    return;
  }
  for (const { id, job } of request.jobs) tasks.push({ id, steps: fileJob(job) });
  if (!running) {
    running = true;
    run();
  }
});
