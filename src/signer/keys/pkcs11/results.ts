import { hash } from 'node:crypto';
import { asFault, DriverFault } from './module.ts';
import type { Calls, ClaimedResult } from './messages.ts';
import type { UnclaimedSignature } from './records.ts';

type Asked = Pick<Calls['sign']['args'], 'mechanism' | 'input'>;

interface Entry {
  /** Of mechanism and input: the same request may only mean the same signature. */
  readonly asked: string;
  readonly mechanism: number;
  /** Settles when the card has answered; never rejects. */
  readonly ended: Promise<ClaimedResult>;
  result: ClaimedResult | undefined;
}

/** What is not confirmed within so many further signatures is given up: the daemon confirms each one at once. */
const most = 4096;

/** Signatures that were asked for under a request id: in progress, or made and not yet confirmed to be on disk. */
export class Results {
  readonly #entries = new Map<string, Entry>();

  /** The signature of a request, made only once as long as nothing else is asked for under its id. */
  async sign(request: string | undefined, asked: Asked, make: () => Promise<Buffer>): Promise<Buffer> {
    if (request === undefined) return await make();
    const print = fingerprint(asked);
    const known = this.#entries.get(request);
    if (known?.asked === print) {
      const earlier = await known.ended;
      if (earlier.kind === 'made') return earlier.raw;
    }
    // Of a request that failed before, the earlier call may have signed, whatever this one says.
    const making = known === undefined ? make() : doubted(make());
    const entry: Entry = { asked: print, mechanism: asked.mechanism.mechanism, ended: settled(request, asked, making), result: undefined };
    this.#entries.delete(request);
    this.#entries.set(request, entry);
    void entry.ended.then((result) => (entry.result = result));
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > most && oldest !== undefined) this.#entries.delete(oldest);
    return await making;
  }

  async claim(requests: readonly string[]): Promise<ClaimedResult[]> {
    return await Promise.all(
      requests.map((request) => this.#entries.get(request)?.ended ?? Promise.resolve<ClaimedResult>({ request, kind: 'never' })),
    );
  }

  forget(requests: readonly string[]): void {
    for (const request of requests) this.#entries.delete(request);
  }

  /** Signatures that were made and not confirmed. */
  unclaimed(): UnclaimedSignature[] {
    return [...this.#entries.values()].flatMap(({ result }) =>
      result?.kind === 'made' ? [{ request: result.request, raw: result.raw.toString('base64'), mechanism: result.mechanism }] : [],
    );
  }
}

async function doubted(making: Promise<Buffer>): Promise<Buffer> {
  try {
    return await making;
  } catch (thrown) {
    const { rv, message, module } = asFault(thrown);
    throw new DriverFault({ rv, message, ...(module === undefined ? {} : { module }) });
  }
}

async function settled(request: string, { mechanism }: Asked, making: Promise<Buffer>): Promise<ClaimedResult> {
  try {
    return { request, kind: 'made', raw: await making, mechanism: mechanism.mechanism };
  } catch (thrown) {
    return { request, kind: 'failed', fault: asFault(thrown) };
  }
}

function fingerprint({ mechanism, input }: Asked): string {
  return `${JSON.stringify(mechanism)} ${hash('sha256', input)}`;
}
