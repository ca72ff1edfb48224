import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { until } from './house.ts';
import type { TestContext } from 'node:test';
import type { StackView } from '../../src/app/key-stack.ts';
import type { AuditView } from '../../src/app/audit.ts';
import type { BatchView } from '../../src/app/views.ts';
import type { FaultyCards } from '../support/p11-shim.ts';

describe('a card signs the documents that were shown before its PIN', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  const authority = testAuthority();
  const removals: (() => void)[] = [];
  let cards: FaultyCards;
  let made = 0;
  before(() => {
    cards = faultyCards((remove) => removals.push(remove));
  });
  after(() => {
    for (const remove of removals) remove();
  });

  const keyOf = (more: object = {}): Record<string, unknown> => {
    const identity = authority.issue();
    const label = `stack${++made}`;
    cards.importKey(cards.createToken(label), { privateKey: identity.privateKey, certificate: identity.certificate });
    const { module, environment } = cards;
    const place = { source: 'pkcs11', module, environment, token: { label }, key: { id: '01' }, chain: ['./issuing.pem'] };
    return { ...place, activation: 'stack', ...more };
  };
  const house = (t: TestContext, keys: Record<string, Record<string, unknown>> = { card: keyOf() }): CardHouse => {
    const own = new CardHouse(authority, { keys, roots: { letters: Object.keys(keys) } });
    t.after(() => own.remove());
    return own;
  };
  /** A batch whose documents wait for the card. @returns its id */
  const waiting = async (own: CardHouse, path: string, count: number): Promise<string> => {
    own.batch('letters', path, count);
    const found = async (): Promise<BatchView | undefined> =>
      (JSON.parse((await own.run('batch', 'list', '--json')).stdout) as BatchView[]).find((batch) => batch.path === path);
    await until(`${path} waits`, async () => (await found())?.waiting !== undefined);
    return (await found())?.id ?? '';
  };
  const audit = async (own: CardHouse, action: string): Promise<AuditView[]> => {
    const rows = JSON.parse((await own.run('audit', 'show', '--limit', '10000', '--json')).stdout) as AuditView[];
    return rows.filter((row) => row.action === action);
  };

  /** Its process is gone without a word, as after a power cut. */
  const endCard = ({ directory }: CardHouse): void => {
    const run = join(directory, 'data', 'run');
    const records = readdirSync(run).filter((name) => name.endsWith('.card'));
    assert.equal(records.length, 1);
    const { pid } = JSON.parse(readFileSync(join(run, records[0] ?? ''), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
  };

  test('shown, entered, signed: exactly these; a later batch waits and status says for what; then the next list', async (t) => {
    cards.set('delay_ms=20');
    const own = house(t);
    await own.daemon(t);
    const first = await waiting(own, 'first', 30);
    const second = await waiting(own, 'second', 4);
    const listFile = join(own.directory, 'shown.txt');
    const { stdout, status } = await own.run('key', 'stack', 'card', first, '--list', listFile, '--json');
    assert.equal(status, 0);
    const view = JSON.parse(stdout) as StackView;
    assert.deepEqual([view.documents, view.batches.map(({ id }) => id)], [30, [first]]);
    assert.match(execFileSync('sha256sum', [listFile], { encoding: 'utf8' }), new RegExp(`^${view.sha256} `));
    assert.equal(readFileSync(listFile, 'utf8').split('\n').length, 31);

    const pin = own.pinFile(testPin);
    const wrong = await own.run('key', 'activate', 'card', '--stack', first, '--pin-file', own.pinFile('00000000'));
    assert.equal(wrong.status, 77, wrong.stderr);
    const quiet = await own.run('key', 'activate', 'card', '--stack', first, '--quiet', '--pin-file', pin);
    assert.deepEqual([quiet.status, own.signed()], [64, 0], quiet.stderr);
    const entered = await own.run('key', 'activate', 'card', '--stack', first, '--pin-file', pin);
    assert.equal(entered.status, 0, entered.stderr);
    assert.match(entered.stderr, /card is to sign 30 documents[^]*… 10 more documents[^]*SHA-256 of the list: /);
    assert.ok(entered.stderr.includes(view.sha256));
    await own.untilDelivered('letters', 'first');
    await own.untilKey('card', 'pin-needed');
    assert.deepEqual([own.signed(), own.delivered('letters', 'second')], [30, false]);
    const list = await audit(own, 'key-activated');
    assert.deepEqual(
      list.map(({ details }) => [details['activation'], details['stack']]),
      [['stack', { documents: 30, sha256: view.sha256 }]],
    );
    await until('its end is recorded', async () => (await audit(own, 'key-activation-ended')).length === 1);
    const [end] = await audit(own, 'key-activation-ended');
    assert.deepEqual(end?.details['stack'], { documents: 30, signed: 30, sha256: view.sha256 });

    // Without batches: all that waits.
    const rest = await own.run('key', 'activate', 'card', '--pin-file', pin);
    assert.match(rest.stderr, new RegExp(`is to sign 4 documents[^]*batch ${second}`));
    await own.untilDelivered('letters', 'second');
    assert.deepEqual(await own.proven('letters', 'first', 30), { card: 30 });
    assert.deepEqual(await own.proven('letters', 'second', 4), { card: 4 });
    assert.equal(own.ledger().signedTwice, 0);
  });

  test('while it signs a list, another batch waits; status, key list and the refusal of a second list say why', async (t) => {
    cards.set('delay_ms=400');
    const own = house(t);
    await own.daemon(t);
    const first = await waiting(own, 'long', 400);
    const { sha256 } = await own.stack('card', first);
    assert.equal(await own.activateStack('card', testPin, sha256, first), 'entered');
    own.batch('letters', 'later', 2);
    await until('status says it', async () =>
      /1 batch waits[^]*SEAL-KEY-STACK card signs the documents that were shown before its PIN, and these are not among them/.test(
        (await own.run('status')).stdout,
      ),
    );
    assert.match((await own.run('key', 'list')).stdout, / of the 400 shown/);
    const { sha256: other } = await own.stack('card');
    assert.equal(await own.activateStack('card', testPin, other), 'SEAL-KEY-STACK');
    const test = await own.run('key', 'test', 'card');
    assert.equal(test.status, 75, test.stderr);
    await own.deactivate('card');
    const [end] = await audit(own, 'key-deactivated');
    assert.ok(end);
    assert.equal(own.delivered('letters', 'later'), false);
    // What was not signed waits for the next list, with the later batch.
    const { documents } = await own.stack('card');
    assert.ok(documents < 402 && documents > 2, `${documents}`);
  });

  test('a list that changed between showing and PIN is refused, and the PIN is not tried', async (t) => {
    cards.set('delay_ms=0');
    const own = house(t);
    await own.daemon(t);
    const first = await waiting(own, 'first', 3);
    await waiting(own, 'second', 2);
    const { sha256, documents } = await own.stack('card');
    assert.equal(documents, 5);
    assert.equal((await own.run('batch', 'cancel', first)).status, 0);
    assert.equal(await own.activateStack('card', '00000000', sha256), 'SEAL-KEY-STACK', 'a wrong PIN would have another code');
    const refused = await own.run('key', 'activate', 'card', '--seen', sha256, '--pin-file', own.pinFile(testPin));
    assert.equal(refused.status, 75, refused.stderr);
    assert.match(refused.stderr, /are not those that were shown/);
    assert.equal((await own.key('card')).wrongPins, undefined);
    assert.equal(await own.activateStack('card', testPin, (await own.stack('card')).sha256), 'entered');
    await own.untilDelivered('letters', 'second');
    assert.equal(own.signed(), 2);
  });

  test('killed again and again in the middle: one PIN, exactly the list, nothing in doubt; what came later waits', async (t) => {
    cards.set('delay_ms=250');
    const own = house(t);
    let daemon = await own.daemon(t);
    const first = await waiting(own, 'first', 16);
    const { sha256 } = await own.stack('card', first);
    assert.equal(await own.activateStack('card', testPin, sha256, first), 'entered');
    own.batch('letters', 'later', 3);
    for (const count of [2, 6, 11]) {
      await until(`${count} signatures`, () => own.signed() >= count);
      await daemon.kill();
      daemon = await own.daemon(t);
      assert.equal((await own.key('card')).activation?.stack?.documents, 16);
    }
    await own.untilDelivered('letters', 'first');
    await own.untilKey('card', 'pin-needed');
    assert.deepEqual(await own.proven('letters', 'first', 16), { card: 16 });
    const { intents, signedTwice } = own.ledger();
    assert.deepEqual([intents.signed, intents.spent, intents.doubt, intents.open, signedTwice], [16, 0, 0, 0, 0]);
    assert.equal(own.delivered('letters', 'later'), false);
  });

  test('what is in doubt counts: its document waits for the next list', async (t) => {
    cards.set('delay_ms=600');
    const own = house(t);
    let daemon = await own.daemon(t);
    const first = await waiting(own, 'first', 6);
    const { sha256 } = await own.stack('card', first);
    assert.equal(await own.activateStack('card', testPin, sha256, first), 'entered');
    await until('one is signed', () => own.signed() >= 1);
    await daemon.kill();
    endCard(own);
    daemon = await own.daemon(t);
    await own.untilKey('card', 'pin-needed');
    const { signed, doubt } = own.ledger().intents;
    const rest = await own.stack('card');
    assert.equal(rest.documents, 6 - signed, 'also what is in doubt is to be decided about by a person');
    cards.set('delay_ms=0');
    assert.equal(await own.activateStack('card', testPin, rest.sha256), 'entered');
    await own.untilDelivered('letters', 'first');
    assert.deepEqual([own.ledger().intents.signed, own.ledger().intents.doubt], [6, doubt]);
  });

  test('two cards with the same documents in their lists race for the last: each is signed once, and both activations end', async (t) => {
    // Slow until both are active: a list changes with each signature that is begun.
    cards.set('delay_ms=2000');
    const own = house(t, { one: keyOf(), two: keyOf() });
    await own.daemon(t);
    const first = await waiting(own, 'first', 25);
    for (const key of ['one', 'two'])
      await until(`${key} is active`, async () => {
        const answer = await own.activateStack(key, testPin, (await own.stack(key, first)).sha256, first);
        assert.ok(['entered', 'SEAL-KEY-STACK'].includes(answer), answer);
        return answer === 'entered';
      });
    cards.set('delay_ms=30');
    await own.untilDelivered('letters', 'first');
    const counts = await own.proven('letters', 'first', 25);
    assert.equal((counts['one'] ?? 0) + (counts['two'] ?? 0), 25);
    for (const key of ['one', 'two']) await own.untilKey(key, 'pin-needed');
    const { intents, signedTwice } = own.ledger();
    assert.deepEqual([intents.signed, intents.spent, intents.doubt, signedTwice], [25, 0, 0, 0]);
  });

  test('a card that asks its PIN for each signature signs no list, and says so', async (t) => {
    cards.set('delay_ms=0');
    const own = house(t);
    cards.set(`stack${made}.always_auth=1`);
    await own.daemon(t);
    const first = await waiting(own, 'first', 2);
    const entered = await own.run('key', 'activate', 'card', '--stack', first, '--pin-file', own.pinFile(testPin));
    assert.equal(entered.status, 64, entered.stderr);
    assert.match(entered.stderr, /asks its PIN for each document/);
    assert.equal(own.signed(), 0);
    await own.untilKey('card', 'pin-needed');
  });
});
