/**
 * Run by adoption.test.ts: a daemon in small, to be stopped and killed. It opens a key and obeys lines on standard input: `activate PIN`,
 * `sign REQUEST`, `stop`. It says on standard output what it has, one JSON object a line.
 */
import { createInterface } from 'node:readline';
import { nodeFiles } from '../../../../src/effects/files.ts';
import { systemClock } from '../../../../src/effects/clock.ts';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { CollectingLog } from '../../../support/log.ts';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';

export interface HolderOptions {
  readonly config: Pkcs11KeyConfig;
  readonly runDir: string;
  readonly outlive: boolean;
}

/** What is signed under a request. */
export function signedData(request: string): Buffer {
  return Buffer.from(`the document of ${request}`);
}

async function main({ config, runDir, outlive }: HolderOptions): Promise<void> {
  const log = new CollectingLog();
  const meta = new Map<string, string>();
  const store = {
    meta: (key: string) => Promise.resolve(meta.get(key)),
    setMeta: (key: string, value: string) => {
      meta.set(key, value);
      return Promise.resolve();
    },
  };
  const readSecret = (): Buffer => Buffer.from('unused');
  const [source] = pkcs11Sources([config], { clock: systemClock, log, files: nodeFiles(), store, readSecret, runDir, outlive });
  if (source === undefined) throw new Error('no source');
  const say = (what: object): void => {
    process.stdout.write(`${JSON.stringify(what)}\n`);
  };
  const tell = (): void => {
    const { state, activation } = source.status();
    const pids = log.lines.flatMap(({ fields }) => (typeof fields['pid'] === 'number' ? [fields['pid']] : []));
    say({ state, since: activation?.since, until: activation?.until, pid: pids.at(-1) });
  };
  await source.open();
  tell();
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, argument = ''] = line.split(' ');
    if (command === 'activate') {
      await source.activate(Buffer.from(argument));
      tell();
    } else if (command === 'sign') {
      void source.key()?.sign(signedData(argument), { digest: 'sha256' }, { request: argument });
      say({ signing: argument });
    } else break;
  }
  await source.close();
  process.exit(0);
}

if (process.argv[2] !== undefined) await main(JSON.parse(process.argv[2]) as HolderOptions);
