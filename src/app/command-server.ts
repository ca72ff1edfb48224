import { SealError } from '../errors.ts';
import type { ControlHandler } from '../ports/control.ts';
import { perform } from './operations.ts';
import type { OperationName } from './operation-types.ts';
import type { Service } from './service.ts';

/** Answers the commands that come over the control socket, until the daemon stops. */
export class CommandServer {
  readonly #service: Service;
  readonly #isOperation: (name: string) => name is OperationName;
  readonly #stopping = new AbortController();
  /** Commands that are being answered. */
  readonly #calls = new Set<Promise<unknown>>();

  constructor(service: Service, isOperation: (name: string) => name is OperationName) {
    this.#service = service;
    this.#isOperation = isOperation;
  }

  /** @throws SealError SEAL-USAGE, SEAL-INTERRUPTED, and what the operation throws */
  readonly answer: ControlHandler = async ({ operation, args, actor }, secret, progress, signal) => {
    this.#stopping.signal.throwIfAborted();
    if (!this.#isOperation(operation))
      throw new SealError('SEAL-USAGE', `the daemon knows no operation “${operation}”`, {
        hint: 'command and daemon have different versions: restart the daemon',
      });
    const call = {
      actor,
      progress,
      signal: AbortSignal.any([signal, this.#stopping.signal]),
      ...(secret === undefined ? {} : { secret }),
    };
    const answer = perform(this.#service, operation, args, call).finally(() => this.#calls.delete(answer));
    this.#calls.add(answer);
    return await answer;
  };

  /** Nothing new is answered, and what is being answered is told to end. */
  interrupt(): void {
    this.#stopping.abort(new SealError('SEAL-INTERRUPTED', 'the daemon is stopping', { hint: 'repeat the command when it runs again' }));
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}
