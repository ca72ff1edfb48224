/**
 * First process of its namespaces (network, mounts, processes), started by test/support/pcsc.ts through unshare(1): runs pcscd and the cards and obeys
 * its parent. When the parent has gone it ends, and the kernel ends everything else in here.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PivCard } from './piv-card.ts';
import { ReaderSlot, readerConfiguration } from './reader.ts';
import type { ChildProcess } from 'node:child_process';
import type { Answer, CardDescription, CardStatistics, Order, Request, Setup } from './orders.ts';

const pcscdDirectory = '/run/pcscd';
const library = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';

interface Stack {
  readonly setup: Setup;
  readonly cards: readonly PivCard[];
  readonly slots: readonly ReaderSlot[];
}

let stack: Stack | undefined;
let pcscd: ChildProcess | undefined;

async function obey(order: Order): Promise<CardStatistics | undefined> {
  switch (order.order) {
    case 'setup':
      await setUp(order.setup);
      return undefined;
    case 'insert':
      await at(ready().slots, order.card).insert();
      return undefined;
    case 'remove':
      at(ready().slots, order.card).remove();
      return undefined;
    case 'set':
      Object.assign(at(ready().cards, order.card).settings, order.settings);
      return undefined;
    case 'statistics':
      return at(ready().cards, order.card).statistics;
    case 'kill-pcscd':
      await kill();
      return undefined;
    case 'start-pcscd':
      await start(order.reader);
      return undefined;
  }
}

async function setUp(setup: Setup): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const run = join(setup.directory, 'run');
  mkdirSync(run, { recursive: true });
  mkdirSync(join(setup.directory, 'readers'), { recursive: true });
  mkdirSync(pcscdDirectory, { recursive: true });
  execFileSync('mount', ['--bind', run, pcscdDirectory]);
  const cards = setup.cards.map(makeCard);
  stack = { setup, cards, slots: cards.map((card, slot) => new ReaderSlot(slot, card)) };
  await start(true);
  await Promise.all(stack.slots.map((slot) => slot.insert()));
}

function makeCard({ name, keys, settings }: CardDescription): PivCard {
  const key = (reference: '9a' | '9c') => ({
    privateKey: createPrivateKey(keys[reference].privateKey),
    certificate: Buffer.from(keys[reference].certificate, 'base64'),
  });
  return new PivCard(name, { '9a': key('9a'), '9c': key('9c') }, { ...settings });
}

/** Resolves when pcscd answers; cards that are in find the reader by themselves. */
async function start(reader: boolean): Promise<void> {
  const { directory } = ready().setup;
  const readers = join(directory, 'readers');
  rmSync(join(readers, 'virtual'), { force: true });
  if (reader) writeFileSync(join(readers, 'virtual'), readerConfiguration(library));
  for (const left of ['pcscd.comm', 'pcscd.pid']) rmSync(join(pcscdDirectory, left), { force: true });
  const log = openSync(join(directory, 'pcscd.log'), 'a');
  pcscd = spawn('pcscd', ['--foreground', '--config', readers], { stdio: ['ignore', log, log] });
  while (!existsSync(join(pcscdDirectory, 'pcscd.comm'))) {
    if (pcscd.exitCode !== null) throw new Error(`pcscd ended with ${pcscd.exitCode}, see ${directory}/pcscd.log`);
    await sleep(20);
  }
}

async function kill(): Promise<void> {
  if (pcscd === undefined) return;
  const ended = once(pcscd, 'exit');
  pcscd.kill('SIGKILL');
  await ended;
  pcscd = undefined;
}

function ready(): Stack {
  if (stack === undefined) throw new Error('not set up');
  return stack;
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no card ${index}`);
  return found;
}

process.on('message', (request: Request) => {
  const answer = (message: Answer): void => {
    process.send?.(message);
  };
  obey(request).then(
    (statistics) => {
      answer({ id: request.id, ok: true, ...(statistics === undefined ? {} : { statistics }) });
    },
    (error: unknown) => {
      answer({ id: request.id, ok: false, error: String(error) });
    },
  );
});
process.on('disconnect', () => process.exit(0));
