import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, verify } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../../../src/effects/clock.ts';
import { SealError } from '../../../../src/errors.ts';
import { endForgottenCards } from '../../../../src/signer/keys/index.ts';
import { hello, challengeSize } from '../../../../src/signer/keys/pkcs11/handshake.ts';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { testWorld } from '../../../suites/key-source.ts';
import { testAuthority } from '../../../support/authority.ts';
import { faultyCards } from '../../../support/p11-shim.ts';
import { testPin } from '../../../support/softhsm.ts';
import { needs } from '../../../support/tools.ts';
import { signedData } from './holder.ts';
import { waitFor } from './waiting.ts';
import type { TestContext } from 'node:test';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';
import type { KeySource } from '../../../../src/ports/keys.ts';
import type { CardRecord } from '../../../../src/signer/keys/pkcs11/records.ts';
import type { CollectingLog } from '../../../support/log.ts';
import type { TestAuthority, TestIdentity } from '../../../support/authority.ts';
import type { FaultyCards } from '../../../support/p11-shim.ts';

/** What a holder says (holder.ts). */
interface Told {
  readonly state?: string;
  readonly since?: number;
  readonly until?: number;
  readonly pid?: number;
}

interface Holder {
  readonly pid: number;
  /** Sends a line and waits for the answer. */
  tell(line: string): Promise<Told>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

describe('card processes outlive the daemon', needs('softhsm', 'softhsm-dev', 'gcc'), () => {
  let cards: FaultyCards;
  let authority: TestAuthority;
  let identity: TestIdentity;
  const removals: (() => void)[] = [];
  let made = 0;

  before(() => {
    cards = faultyCards((remove) => removals.push(remove));
    authority = testAuthority();
    identity = authority.issue();
  });
  after(() => {
    for (const remove of removals) remove();
  });

  /** A card, and a private directory for its processes; whatever still runs at the end is ended. */
  const place = (t: TestContext, changes: Partial<Pkcs11KeyConfig> = {}): { config: Pkcs11KeyConfig; runDir: string } => {
    cards.set();
    const token = cards.createToken(`outliving${++made}`);
    cards.importKey(token, { privateKey: identity.privateKey, certificate: identity.certificate });
    const runDir = mkdtempSync(`${tmpdir()}/sealtree-run-`);
    t.after(() => {
      // Without its directory no card process stays.
      for (const { pid } of records(runDir)) end(pid);
      rmSync(runDir, { recursive: true, force: true });
    });
    return { config: cards.config(token, changes), runDir };
  };

  /** A daemon of its own, that can be killed; its card is activated. */
  const holder = async (
    t: TestContext,
    config: Pkcs11KeyConfig,
    runDir: string,
    outlive = true,
  ): Promise<{ first: Told; holder: Holder }> => {
    const child = spawn(process.execPath, [new URL('./holder.ts', import.meta.url).pathname, JSON.stringify({ config, runDir, outlive })], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const ended = new Promise<void>((resolve) => child.once('exit', () => { resolve(); })); // prettier-ignore
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const read = async (): Promise<Told> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the holder has ended');
      return JSON.parse(value) as Told;
    };
    const tell = async (line: string): Promise<Told> => {
      child.stdin.write(`${line}\n`);
      return await read();
    };
    const first = await read();
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    const stop = async (): Promise<void> => {
      child.stdin.write('stop\n');
      await ended;
    };
    return { first, holder: { pid: child.pid ?? 0, tell, kill, stop } };
  };

  /** The next daemon, in this process. */
  const next = async (
    t: TestContext,
    config: Pkcs11KeyConfig,
    runDir: string,
  ): Promise<{ source: KeySource; log: CollectingLog; meta: Map<string, string> }> => {
    const { fx, log, meta } = testWorld(t, Buffer.from('not the PIN'), authority.now());
    const [source] = pkcs11Sources([config], { ...fx, clock: systemClock, runDir, outlive: false });
    assert.ok(source);
    t.after(() => source.close());
    await source.open();
    return { source, log, meta };
  };
  const signs = async (source: KeySource): Promise<void> => {
    const data = randomBytes(50);
    const key = source.key();
    assert.ok(key, source.status().reason);
    assert.ok(verify('sha256', data, identity.publicKey, await key.sign(data, { digest: 'sha256' })));
  };
  const value = async (source: KeySource, request: string): Promise<Buffer | string | undefined> => {
    const claimed = (await source.claim?.([{ request, at: Date.now() }]))?.get(request);
    return claimed?.kind === 'made' ? claimed.value : claimed?.kind;
  };
  const isSignature = (found: Buffer | string | undefined, request: string): void => {
    assert.ok(Buffer.isBuffer(found), `found ${String(found)}`);
    assert.ok(verify('sha256', signedData(request), identity.publicKey, found));
  };

  for (const how of ['stop', 'kill'] as const)
    test(`after ${how === 'stop' ? 'an orderly stop' : 'kill -9'} the next daemon signs with the same activation, without a PIN`, async (t) => {
      const { config, runDir } = place(t, { maxTime: 3_600_000 });
      const { first, holder: daemon } = await holder(t, config, runDir);
      assert.equal(first.state, 'pin-needed');
      const { since, until, pid = 0 } = await daemon.tell(`activate ${testPin}`);
      await daemon[how]();
      assert.ok(isThere(pid));
      for (let round = 0; round < 2; round++) {
        const { source, log } = await next(t, config, runDir);
        assert.deepEqual(source.status().activation, { since, until, outlives: true });
        await signs(source);
        assert.ok(log.lines.some(({ fields }) => fields['pid'] === pid));
        // A command that only borrowed the card leaves it as it was.
        await source.close();
        assert.ok(isThere(pid));
      }
      const { source } = await next(t, config, runDir);
      await source.deactivate();
      await source.close();
      await waitFor(() => !isThere(pid));
      assert.deepEqual(readdirSync(runDir), []);
    });

  test('a card that is not active, or a daemon that does not keep cards: the process ends with it', async (t) => {
    const { config, runDir } = place(t);
    const idle = await holder(t, config, runDir);
    await idle.holder.kill();
    await waitFor(() => !isThere(idle.first.pid ?? 0));
    for (const end of ['stop', 'kill'] as const) {
      const once = await holder(t, config, runDir, false);
      const { pid = 0 } = await once.holder.tell(`activate ${testPin}`);
      await once.holder[end]();
      await waitFor(() => !isThere(pid));
    }
    const last = await next(t, config, runDir);
    assert.equal(last.source.status().state, 'pin-needed');
  });

  test('a signature in progress when the daemon is killed is finished, kept under its request, and not made again', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    await daemon.tell(`activate ${testPin}`);
    cards.set('delay_ms=700');
    const begun = cards.begun();
    await daemon.tell('sign 17');
    await waitFor(() => cards.begun() > begun);
    await daemon.kill();
    const { source } = await next(t, config, runDir);
    isSignature(await value(source, '17'), '17');
    assert.equal(await value(source, '18'), 'never', 'the process was there all the time and was not asked');
    // Asked again: the same value at once, although the card would sign a PSS signature differently each time.
    const again = await source.key()?.sign(signedData('17'), { digest: 'sha256' }, { request: '17' });
    isSignature(again, '17');
    source.recorded?.(['17']);
    await systemClock.sleep(50);
    assert.equal(await value(source, '17'), 'never');
  });

  test('a daemon that keeps no cards is killed while one signs: the signature is in the last words', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir, false);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    cards.set('delay_ms=500');
    const begun = cards.begun();
    await daemon.tell('sign 5');
    await waitFor(() => cards.begun() > begun);
    await daemon.kill();
    await waitFor(() => !isThere(pid));
    cards.set();
    const { source } = await next(t, config, runDir);
    isSignature(await value(source, '5'), '5');
    assert.equal(await value(source, '6'), undefined, 'of what it did not see the new process knows nothing');
    await source.activate(Buffer.from(testPin));
    source.recorded?.(['5']);
    assert.ok(!readdirSync(runDir).some((name) => name.endsWith('.last')));
  });

  test('no daemon within keepAlive: the process ends by itself and says so to the next one', async (t) => {
    const { config, runDir } = place(t, { keepAlive: 1_500 });
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.kill();
    await waitFor(() => !isThere(pid));
    const { source, log } = await next(t, config, runDir);
    assert.match(source.status().reason ?? '', /ended at .* while no daemon ran: no daemon came back within “keepAlive”/);
    assert.equal(source.status().error?.code, 'SEAL-KEY-PIN-NEEDED');
    assert.ok(log.lines.some(({ message }) => message.includes('while no daemon ran')));
    await source.activate(Buffer.from(testPin));
    await signs(source);
  });

  test('a card pulled while no daemon runs: its activation is over, and the next daemon is told', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    cards.set('removed=1');
    await waitFor(() => !isThere(pid));
    cards.set();
    const { source } = await next(t, config, runDir);
    assert.match(source.status().reason ?? '', /while no daemon ran: the card was removed/);
  });

  test('an activation ends in time without a daemon', async (t) => {
    const { config, runDir } = place(t, { maxTime: 6_000 });
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    await waitFor(() => !isThere(pid));
    const { source } = await next(t, config, runDir);
    assert.match(source.status().reason ?? '', /the time of the activation was over/);
  });

  test('started with another configuration, it is ended in order; a shorter activation time counts at once', async (t) => {
    const { config, runDir } = place(t, { maxTime: 3_600_000 });
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0, since = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    const shorter = await next(t, { ...config, maxTime: 60_000 }, runDir);
    assert.equal(shorter.source.status().activation?.until, since + 60_000);
    await shorter.source.close();
    assert.ok(isThere(pid));
    const other = await next(t, { ...config, sessions: 2 }, runDir);
    assert.equal(other.source.status().state, 'pin-needed');
    assert.ok(other.log.lines.some(({ message }) => message.includes('its card needs its PIN')));
    await waitFor(() => !isThere(pid));
  });

  test('activated for many signatures, then configured as individual: the login is not taken over, and only the right PIN signs', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    const { source } = await next(t, { ...config, kind: 'individual' }, runDir);
    await waitFor(() => !isThere(pid));
    for (const [pin, outcome] of [
      ['000000', 'SEAL-KEY-PIN-INCORRECT'],
      [testPin, 'signed'],
    ] as const) {
      const digest = randomBytes(32);
      const key = source.key();
      assert.ok(key?.attend !== undefined, source.status().reason);
      const shown = key.attend({ name: 'contract.pdf', digest }, new AbortController().signal);
      const given = source.activate(Buffer.from(pin), digest).catch((error: unknown) => error);
      await shown;
      const signed = await key.sign(randomBytes(40), { digest: 'sha256' }).then(() => 'signed', (error: unknown) => (error instanceof SealError ? error.code : error)); // prettier-ignore
      assert.equal(signed, outcome);
      await given;
    }
  });

  test('of keys that are not configured any more no process stays', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    const { fx, log } = testWorld(t, Buffer.from(''), authority.now());
    await endForgottenCards([config], { ...fx, runDir });
    assert.ok(isThere(pid));
    await endForgottenCards([], { ...fx, runDir });
    await waitFor(() => !isThere(pid));
    assert.ok(log.lines.some(({ fields }) => fields['processes'] === 1));
  });

  test('without its record, or its directory, no process stays', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    rmSync(runDir, { recursive: true });
    await waitFor(() => !isThere(pid));
  });

  test('whoever does not know the secret is not served, and does not disturb', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    await daemon.tell(`activate ${testPin}`);
    const [record] = records(runDir);
    assert.ok(record);
    const intruder = connect(`${runDir}/${record.socket}`);
    intruder.resume().write(hello(randomBytes(32), process.pid));
    await waitFor(() => intruder.bytesRead === challengeSize);
    intruder.write(randomBytes(32));
    await new Promise((resolve) => intruder.once('close', resolve));
    const noise = connect(`${runDir}/${record.socket}`);
    noise.on('error', () => undefined);
    noise.resume().write(randomBytes(5_000));
    await new Promise((resolve) => noise.once('close', resolve));
    assert.equal((await daemon.tell(`activate ${testPin}`)).state, 'ready');
    await daemon.stop();
    await signs((await next(t, config, runDir)).source);
  });

  test('a process that does not know the secret, or does not own the socket, is not believed', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    await daemon.stop();
    const [record] = records(runDir);
    assert.ok(record);
    const file = `${runDir}/${readdirSync(runDir).find((name) => name.endsWith('.card')) ?? ''}`;
    writeFileSync(file, JSON.stringify({ ...record, secret: randomBytes(32).toString('hex') }), { mode: 0o600 });
    const wary = await next(t, config, runDir);
    assert.equal(wary.source.status().state, 'pin-needed');
    assert.ok(wary.log.lines.some(({ message }) => message.includes('not trusted')));
    await waitFor(() => !isThere(pid));
    await wary.source.close();
    // Somebody else listens in its place: this very process, under the record of a living one.
    const impostor = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => impostor.listen(`${runDir}/${record.socket}`, () => { resolve(); })); // prettier-ignore
    t.after(() => impostor.close());
    const victim = spawn('sleep', ['60']);
    t.after(() => victim.kill('SIGKILL'));
    await waitFor(() => isThere(victim.pid ?? 0));
    const started = startOf(victim.pid ?? 0);
    writeFileSync(file, JSON.stringify({ ...record, pid: victim.pid, started }), { mode: 0o600 });
    const second = await next(t, config, runDir);
    assert.equal(second.source.status().state, 'pin-needed');
    assert.ok(second.log.lines.some(({ fields }) => /is not what its record says/.test(String(fields['why']))));
    await second.source.close();
    // A record that others may read is none.
    writeFileSync(file, JSON.stringify(record), { mode: 0o644 });
    const third = await next(t, config, runDir);
    assert.equal(third.source.status().state, 'pin-needed');
  });

  test('it writes no core, has nothing of the daemon open, and its files are private', async (t) => {
    const { config, runDir } = place(t);
    const { holder: daemon } = await holder(t, config, runDir);
    const { pid = 0 } = await daemon.tell(`activate ${testPin}`);
    assert.match(readFileSync(`/proc/${pid}/limits`, 'latin1'), /Max core file size +0 +0 /);
    assert.match(readFileSync(`/proc/${pid}/status`, 'latin1'), /^Umask:\s*0077$/m);
    await daemon.stop();
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    assert.ok(!open.some((target) => /sealtree\.db|\.log$/.test(target)));
    const [record] = records(runDir);
    assert.ok(record && !readFileSync(`/proc/${pid}/environ`, 'latin1').includes(record.secret));
    assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(record.secret));
  });
});

function records(runDir: string): CardRecord[] {
  if (!existsSync(runDir)) return [];
  const names = readdirSync(runDir).filter((name) => name.endsWith('.card'));
  return names.map((name) => JSON.parse(readFileSync(`${runDir}/${name}`, 'utf8')) as CardRecord);
}

function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
