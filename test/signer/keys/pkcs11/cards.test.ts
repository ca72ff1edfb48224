import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { SealError } from '../../../../src/errors.ts';
import { NeverAsked } from '../../../../src/model/never-asked.ts';
import { pkcs11Sources } from '../../../../src/signer/keys/pkcs11/sources.ts';
import { testWorld } from '../../../suites/key-source.ts';
import { testAuthority } from '../../../support/authority.ts';
import { faultyCards } from '../../../support/p11-shim.ts';
import { memoryHits } from '../../../support/memory.ts';
import { testPin } from '../../../support/softhsm.ts';
import { needs, softhsmModule } from '../../../support/tools.ts';
import { without } from '../../../support/without-module.ts';
import { waitFor } from './waiting.ts';
import type { TestContext } from 'node:test';
import type { ErrorCode } from '../../../../src/errors.ts';
import type { Pkcs11KeyConfig } from '../../../../src/model/config.ts';
import type { KeySource, SigningKey } from '../../../../src/ports/keys.ts';
import type { World } from '../../../suites/key-source.ts';
import type { FaultyCards } from '../../../support/p11-shim.ts';
import type { TestAuthority, TestIdentity } from '../../../support/authority.ts';

const data = Buffer.from('what is signed');
const algorithm = { digest: 'sha256' } as const;

describe('cards and their faults', needs('softhsm', 'softhsm-dev', 'gcc'), () => {
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

  /** A card with a key, opened; `unattended`: its PIN comes from the configuration. */
  const card = async (
    t: TestContext,
    changes: Partial<Pkcs11KeyConfig> = {},
    pin = testPin,
  ): Promise<{ source: KeySource; world: World; token: string }> => {
    cards.set();
    const token = cards.createToken(`card${++made}`);
    cards.importKey(token, { privateKey: identity.privateKey, certificate: identity.certificate });
    return { token, ...(await open(t, token, changes, pin)) };
  };
  const open = async (t: TestContext, token: string, changes: Partial<Pkcs11KeyConfig>, pin = testPin) => {
    const world = testWorld(t, Buffer.from(pin), authority.now());
    const [source] = pkcs11Sources([cards.config(token, { pin: { env: 'UNUSED' }, ...changes })], world.fx);
    assert.ok(source);
    t.after(() => source.close());
    await source.open();
    return { source, world };
  };
  const ready = (source: KeySource): SigningKey => {
    const key = source.key();
    assert.ok(key, `${source.status().state}: ${source.status().reason ?? ''}`);
    return key;
  };
  const signs = async (key: SigningKey): Promise<void> => {
    assert.ok(verify('sha256', data, identity.publicKey, await key.sign(data, algorithm)));
  };
  const fails = async (promise: Promise<unknown>, code: ErrorCode): Promise<SealError> => {
    const thrown: unknown = await promise.then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof SealError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.ok(thrown.hint);
    return thrown;
  };
  const pids = (world: World): number[] =>
    world.log.lines.filter(({ message }) => message === 'card process runs').map(({ fields }) => Number(fields['pid']));

  test('pulled while signing: the signature fails at once, the card is absent, and ready again after it is back', async (t) => {
    const { source, world } = await card(t);
    const key = ready(source);
    cards.set('delay_ms=600000');
    const begun = cards.begun();
    const running = key.sign(data, algorithm);
    await waitFor(() => cards.begun() > begun);
    cards.set('removed=1');
    await fails(running, 'SEAL-KEY-ABSENT');
    assert.equal(source.status().state, 'absent');
    cards.set();
    await world.clock.advance(1_000);
    await signs(ready(source));
    await fails(key.sign(data, algorithm), 'SEAL-KEY-ABSENT');
  });

  test('pulled while signing: the one in progress may have been made; those queued behind it, and whatever comes later, certainly were not', async (t) => {
    const { source } = await card(t);
    const key = ready(source);
    cards.set('delay_ms=600000');
    const begun = cards.begun();
    const errorOf = (request: string): Promise<unknown> => key.sign(data, algorithm, { request }).catch((error: unknown) => error);
    const running = errorOf('1');
    await waitFor(() => cards.begun() > begun);
    const queued = [errorOf('2'), errorOf('3')];
    cards.set('removed=1');
    const all = [await running, ...(await Promise.all(queued)), await errorOf('4')];
    for (const error of all) assert.ok(error instanceof SealError && error.code === 'SEAL-KEY-ABSENT', String(error));
    assert.deepEqual(all.map((error) => error instanceof NeverAsked), [false, true, true, true]); // prettier-ignore
    assert.equal(cards.begun(), begun + 1, 'the card was called once');
    const requests = ['1', '2', '3', '4'].map((request) => ({ request, at: Date.now() }));
    const claims = await source.claim?.(requests);
    assert.deepEqual(requests.map(({ request }) => claims?.get(request)?.kind), [undefined, 'never', 'never', undefined]); // prettier-ignore
  });

  test('pulled while idle is noticed within a second; without a configured PIN the card then waits for a person', async (t) => {
    const { source, world } = await card(t);
    ready(source);
    const attended = await open(t, `card${made}`, {});
    await attended.source.deactivate();
    cards.set('removed=1');
    await world.clock.advance(1_000);
    assert.equal(source.status().state, 'absent');
    cards.set();
    await world.clock.advance(1_000);
    ready(source);
    await attended.world.clock.advance(1_000);
    assert.equal(attended.source.status().state, 'pin-needed');
  });

  test('pulled and put back between two looks: the activation is over all the same', async (t) => {
    const { source, world } = await card(t);
    const key = ready(source);
    cards.set('removed=1');
    await fails(key.sign(data, algorithm), 'SEAL-KEY-ABSENT');
    cards.set();
    await world.clock.advance(1_000);
    assert.notEqual(ready(source), key);
  });

  test('inserted again and again: no descriptor, session or memory is left behind', async (t) => {
    const insertions = process.env['SEALTREE_FULL'] === undefined ? 25 : 1_000;
    const { source, world } = await card(t);
    // One session more than it needs: a second one that stays open would be refused.
    cards.set('max_sessions=1');
    const [pid = 0] = pids(world);
    const held = (): { fds: number; kib: number } => ({
      fds: readdirSync(`/proc/${pid}/fd`).length,
      kib: Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]),
    });
    let before = held();
    for (let n = 0; n < insertions; n++) {
      cards.set('max_sessions=1', 'removed=1');
      await world.clock.advance(1_000);
      assert.equal(source.status().state, 'absent');
      cards.set('max_sessions=1');
      await world.clock.advance(1_000);
      await signs(ready(source));
      // The first ones fill what is kept anyway.
      if (n === Math.min(10, insertions - 10)) before = held();
    }
    const after = held();
    assert.ok(after.fds <= before.fds + 1, `${before.fds} descriptors, then ${after.fds}`);
    assert.ok(after.kib <= before.kib + 32_768, `${before.kib} KiB, then ${after.kib}`);
    assert.deepEqual(pids(world), [pid]);
    assert.equal(world.secrets.length, insertions + 1);
  });

  test('sessions that the driver forgets, a key that the card forgets: the card is taken as new, and signs on', async (t) => {
    const { source, world } = await card(t);
    for (const rv of [179, 176, 130, 96]) {
      cards.set(`fail_rv=${rv}`);
      await fails(ready(source).sign(data, algorithm), 'SEAL-KEY-ABSENT');
      assert.equal(source.status().state, 'absent');
      cards.set();
      await world.clock.advance(1_000);
      await signs(ready(source));
    }
    assert.equal(pids(world).length, 1);
  });

  test('the card’s own limit: PIN needed, and with a configured PIN it goes on by itself', async (t) => {
    const { source, world } = await card(t);
    cards.set('max_sigs=2');
    const key = ready(source);
    await signs(key);
    await signs(key);
    await fails(key.sign(data, algorithm), 'SEAL-KEY-PIN-NEEDED');
    assert.equal(source.status().state, 'pin-needed');
    await world.clock.advance(1_000);
    await signs(ready(source));
  });

  test('a driver that hangs: its process is killed after the time limit, a new one signs', async (t) => {
    const { source, world } = await card(t, { timeout: 3_000 });
    const key = ready(source);
    const [pid] = pids(world);
    cards.set('delay_ms=600000');
    const begun = cards.begun();
    const running = key.sign(data, algorithm);
    const outcome = fails(running, 'SEAL-KEY-DEVICE');
    await waitFor(() => cards.begun() > begun);
    await world.clock.advance(3_000);
    assert.match((await outcome).message, /did not answer/);
    await waitFor(() => !existsSync(`/proc/${String(pid)}`));
    await waitFor(() => source.status().state === 'failing');
    cards.set();
    await world.clock.advance(2_000);
    await signs(ready(source));
    assert.equal(pids(world).length, 2);
  });

  test('a process that is killed from outside is started again', async (t) => {
    const { source, world } = await card(t);
    ready(source);
    const [pid = 0] = pids(world);
    process.kill(pid, 'SIGKILL');
    await waitFor(() => source.status().state === 'failing');
    await world.clock.advance(2_000);
    await signs(ready(source));
  });

  test('device errors: the first is one failure, repeated ones restart the process', async (t) => {
    const { source, world } = await card(t);
    cards.set('fail_rv=48');
    await fails(ready(source).sign(data, algorithm), 'SEAL-KEY-DEVICE');
    await fails(ready(source).sign(data, algorithm), 'SEAL-KEY-DEVICE');
    assert.equal(source.status().state, 'failing');
    cards.set();
    await world.clock.advance(2_000);
    await signs(ready(source));
    assert.equal(pids(world).length, 2);
  });

  test('a wrong configured PIN is tried once, not again after a restart, and a person’s right one ends that', async (t) => {
    const { source, world, token } = await card(t, {}, '000000');
    assert.equal(source.status().error?.code, 'SEAL-KEY-PIN-INCORRECT');
    const again = testWorld(t, Buffer.from('000000'), authority.now());
    for (const [key, value] of world.meta) again.meta.set(key, value);
    const [restarted] = pkcs11Sources([cards.config(token, { pin: { env: 'UNUSED' } })], again.fx);
    assert.ok(restarted);
    t.after(() => restarted.close());
    await restarted.open();
    assert.match(restarted.status().reason ?? '', /is not tried again/);
    // The card agrees: no wrong entry was counted in the new process.
    assert.equal(restarted.status().pinTriesLeft, undefined);
    await restarted.activate(Buffer.from(testPin));
    await signs(ready(restarted));
    assert.ok([...again.meta.values()].every((value) => value === ''));
    assert.ok(!JSON.stringify([...world.meta]).includes('000000'));
  });

  test('three wrong PINs of a person lock the card; the last try is never the machine’s', async (t) => {
    const { source, world } = await card(t);
    await source.deactivate();
    await fails(source.activate(Buffer.alloc(256, '1')), 'SEAL-KEY-PIN-INCORRECT');
    assert.equal(source.status().wrongPins, undefined, 'longer than any PIN: the card was not asked');
    await fails(source.activate(Buffer.from('1')), 'SEAL-KEY-PIN-INCORRECT');
    await fails(source.activate(Buffer.from('22222222')), 'SEAL-KEY-PIN-INCORRECT');
    await world.clock.advance(1_000);
    assert.equal(source.status().pinTriesLeft, 1);
    await source.open();
    assert.equal(source.status().error?.code, 'SEAL-KEY-PIN-LAST-TRY');
    await fails(source.activate(Buffer.from('33333333')), 'SEAL-KEY-PIN-LOCKED');
    assert.deepEqual([source.status().state, source.status().pinTriesLeft], ['pin-locked', 0]);
    await fails(source.activate(Buffer.from(testPin)), 'SEAL-KEY-PIN-LOCKED');
  });

  test('an individual card gets its PIN for each signature', async (t) => {
    cards.set('always_auth=1');
    const { source } = await card(t);
    cards.set('always_auth=1');
    await source.deactivate();
    await source.open();
    const key = ready(source);
    assert.deepEqual([key.concurrency, key.chunk], [1, 1]);
    await signs(key);
    await Promise.all([signs(key), signs(key)]);
  });

  for (const koffi of [true, false])
    test(`a PIN pad: the person enters it there, nothing is sent${koffi ? '' : '; a driver that is not OpenSC does without koffi'}`, async (t) => {
      const environment = { ...cards.environment, P11SHIM_PADPIN: testPin, P11SHIM_PINPAD: '1', ...(koffi ? {} : without('koffi')) };
      const { source } = await card(t, { environment });
      await source.deactivate();
      assert.match(source.status().error?.hint ?? '', /at the reader/);
      await source.activate(Buffer.alloc(0));
      await signs(ready(source));
    });

  test('an activation ends after its time; with a configured PIN a new one begins', async (t) => {
    const { source, world } = await card(t, { maxTime: 10_000 });
    const first = ready(source);
    assert.equal(source.status().activation?.until, authority.now() + 10_000);
    await world.clock.advance(11_000);
    assert.notEqual(ready(source), first);
    await source.deactivate();
    await source.activate(Buffer.from(testPin));
    const other = testWorld(t, Buffer.from(testPin), authority.now());
    const attended = pkcs11Sources([{ ...cards.config(`card${made}`, { maxTime: 5_000 }), name: 'attended' }], other.fx)[0];
    assert.ok(attended);
    t.after(() => attended.close());
    await attended.open();
    await attended.activate(Buffer.from(testPin));
    ready(attended);
    await other.clock.advance(6_000);
    assert.deepEqual([attended.status().state, attended.status().error?.code], ['pin-needed', 'SEAL-KEY-LIMIT']);
  });

  test('a module that is missing, a pkcs11js that was never compiled: states with a remedy', async (t) => {
    const { source } = await open(t, 'any', { module: '/nowhere/libcard.so' });
    assert.deepEqual([source.status().state, source.status().error?.code], ['failing', 'SEAL-KEY-MODULE']);
    assert.match(source.status().error?.hint ?? '', /driver/);
    const unbuilt = await open(t, 'any', { environment: { ...cards.environment, ...without('pkcs11js') } });
    assert.equal(unbuilt.source.status().error?.code, 'SEAL-KEY-MODULE');
    assert.match(unbuilt.source.status().error?.hint ?? '', /compiler/);
  });

  test('keys of one token share its process and its activation', async (t) => {
    const { token } = await card(t);
    const second = authority.issue({ keyType: 'p384' });
    cards.importKey(token, { privateKey: second.privateKey, certificate: second.certificate, id: '02', label: 'second' });
    const world = testWorld(t, Buffer.from(testPin), authority.now());
    const sources = pkcs11Sources(
      [
        cards.config(token, { name: 'one' }),
        cards.config(token, { name: 'two', key: { label: 'second' } }),
        cards.config(token, { name: 'three', key: { id: '03' } }),
      ],
      world.fx,
    );
    t.after(() => Promise.all(sources.map((source) => source.close())));
    for (const source of sources) await source.open();
    const [one, two, three] = sources;
    assert.ok(one && two && three);
    await one.activate(Buffer.from(testPin));
    assert.deepEqual(ready(two).chain[0], second.certificate);
    assert.deepEqual(ready(one).chain[0], identity.certificate);
    assert.deepEqual([three.status().state, three.status().error?.code], ['unusable', 'SEAL-KEY-UNKNOWN']);
    assert.match(three.status().error?.hint ?? '', /id 01.*id 02/);
    assert.equal(pids(world).length, 1);
  });

  test('the process finishes its signature when it is told to end, and ends when it is closed', async (t) => {
    const { source, world } = await card(t);
    const key = ready(source);
    const [pid = 0] = pids(world);
    cards.set('delay_ms=400');
    const begun = cards.begun();
    const running = signs(key);
    await waitFor(() => cards.begun() > begun);
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.kill(pid, signal);
    await running;
    await waitFor(() => !existsSync(`/proc/${pid}`));
    await world.clock.advance(2_000);
    const [, next = 0] = pids(world);
    await signs(ready(source));
    await source.close();
    await waitFor(() => !existsSync(`/proc/${next}`));
  });

  test('the PIN is in no argument, no environment, no log line and, after the login, nowhere in the memory of the process', async (t) => {
    // Without the shim, which remembers the PIN to compare it.
    const { source, world } = await card(t, { module: softhsmModule ?? '' });
    ready(source);
    const [pid = 0] = pids(world);
    for (const file of ['cmdline', 'environ']) assert.ok(!readFileSync(`/proc/${pid}/${file}`).includes(testPin));
    assert.match(readFileSync(`/proc/${pid}/coredump_filter`, 'latin1'), /^0+$/m);
    assert.ok(!JSON.stringify(world.log.lines).includes(testPin));
    const searched = memoryHits(pid, Buffer.from(testPin));
    assert.ok(searched.bytes > 10_000_000, 'memory could be read');
    assert.deepEqual(searched.hits, []);
  });
});
