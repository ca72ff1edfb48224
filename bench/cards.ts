import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CardHouse } from '../test/e2e/card-house.ts';
import { testAuthority } from '../test/support/authority.ts';
import { faultyCards } from '../test/support/p11-shim.ts';
import { testPin } from '../test/support/softhsm.ts';
import Database from 'better-sqlite3';
import { median, print } from './measure.ts';

const count = 8;
const signatureMs = 500;
const documents = Number(process.env['DOCUMENTS'] ?? 400);

export interface Pull {
  /** ms after the batch was claimed. */
  readonly afterMs: number;
  readonly forMs: number;
}

/**
 * A daemon of its own process with eight slow cards: what share of the signatures that the present cards could have made, from claim to READY, it
 * made; that nothing was lost or signed twice; and how late its event loop was meanwhile.
 */
export async function cards(row: string, pull: Pull | undefined): Promise<void> {
  const removals: (() => unknown)[] = [];
  try {
    await measure(row, pull, (remove) => removals.push(remove));
  } finally {
    for (const remove of removals.reverse()) await remove();
  }
}

async function measure(row: string, pull: Pull | undefined, cleanup: (remove: () => unknown) => void): Promise<void> {
  const shim = faultyCards(cleanup);
  const authority = testAuthority();
  const { privateKey, certificate } = authority.issue({ keyType: 'rsa2048' });
  const names = Array.from({ length: count }, (_, n) => `card${n + 1}`);
  const pin = join(shim.directory, 'pin');
  writeFileSync(pin, testPin);
  chmodSync(pin, 0o600);
  for (const name of names) shim.importKey(shim.createToken(name), { privateKey, certificate });
  const key = (label: string) => ({
    ...{ source: 'pkcs11', module: shim.module, environment: shim.environment, token: { label }, key: { id: '01' }, pin: { file: pin } },
    chain: ['./issuing.pem'],
  });
  const port = await freePort();
  const house = new CardHouse(authority, {
    keys: Object.fromEntries(names.map((name) => [name, key(name)])),
    roots: { letters: names },
  });
  cleanup(() => {
    rmSync(house.directory, { recursive: true, force: true });
  });
  house.edit((settings) => {
    settings.set('monitor', `127.0.0.1:${port}`);
    settings.setIn(['log', 'level'], 'warn');
  });
  const daemon = house.start();
  cleanup(() => daemon.kill());
  await daemon.ready();
  // Its code is warm, as in a daemon that runs already.
  house.batch('letters', 'warm', 40);
  await house.untilDelivered('letters', 'warm');

  const settings = `delay_ms=${signatureMs}`;
  shim.set(settings);
  await loopDelay(port);
  house.batch('letters', 'measured', documents);
  let pulledMs = 0;
  if (pull !== undefined) {
    while (house.signed() <= 40) await sleep(20);
    await sleep(pull.afterMs);
    const began = performance.now();
    shim.set(settings, `${names[0] ?? ''}.removed=1`);
    await sleep(pull.forMs);
    shim.set(settings);
    pulledMs = performance.now() - began;
  }
  const output = house.at('letters', 'outgoing', 'measured');
  while (!existsSync(join(output, 'READY'))) await sleep(50);
  const delay = await loopDelay(port);
  const { claimedAt } = JSON.parse(readFileSync(join(output, 'batch-report.json'), 'utf8')) as { claimedAt: string };
  const ms = statSync(join(output, 'READY')).ctimeMs - Date.parse(claimedAt);
  const phases = phasesOf(house.directory, Date.parse(claimedAt), Date.parse(claimedAt) + ms);
  const { intents, signedTwice, withoutIntent } = house.ledger();
  assert.deepEqual([intents.signed, intents.doubt, signedTwice, withoutIntent], [documents + 40, 0, 0, 0]);
  const possible = (count * ms - pulledMs) / signatureMs;
  print({
    row,
    ours: (documents / ms) * 1000,
    peer: (possible / ms) * 1000,
    of: 'what the cards present could do',
    goal: 0.97,
    unit: 'signatures/s',
  });
  process.stdout.write(
    `  ${documents} documents in ${(ms / 1000).toFixed(2)} s; event loop late by ${delay.p50.toFixed(1)} ms (p50), ${delay.p99.toFixed(1)} (p99, goal ≤ 20), ${delay.max.toFixed(1)} (max, goal ≤ 50); ${intents.spent} signatures counted without a result\n`,
  );
  process.stdout.write(
    `  ${phases.before} ms before the first signature, ${phases.between.toFixed(1)} ms between two of a card, ${phases.after} ms after the last\n`,
  );
  if (delay.p99 > 20 || delay.max > 50) process.stdout.write(`${row}: event loop  MISSED\n`);
}

/** Where the time went that no card signed, ms. */
function phasesOf(
  directory: string,
  claimed: number,
  ready: number,
): { readonly before: number; readonly between: number; readonly after: number } {
  const database = new Database(join(directory, 'data/sealtree.db'), { readonly: true });
  try {
    const began = database.prepare('SELECT key, at FROM intents WHERE at >= ? ORDER BY at').all(claimed) as { key: number; at: number }[];
    const gaps = [...Map.groupBy(began, ({ key }) => key).values()].flatMap((own) =>
      own.slice(1).map(({ at }, index) => at - (own[index]?.at ?? at) - signatureMs),
    );
    return { before: (began[0]?.at ?? claimed) - claimed, between: median(gaps), after: ready - (began.at(-1)?.at ?? ready) - signatureMs };
  } finally {
    database.close();
  }
}

/** ms, since the last question. */
async function loopDelay(port: number): Promise<Record<'p50' | 'p99' | 'max', number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const of = (quantile: string): number =>
    Number(new RegExp(`^sealtree_event_loop_delay_seconds\\{quantile="${quantile}"\\} (.+)$`, 'm').exec(text)?.[1]) * 1000;
  return { p50: of('p50'), p99: of('p99'), max: of('max') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
