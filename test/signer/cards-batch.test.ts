import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/effects/clock.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { keySources } from '../../src/signer/keys/index.ts';
import { SigningPool, signDocuments } from '../../src/signer/sign.ts';
import { assemble } from '../formats/signing.ts';
import { batchWith, newDocument } from '../suites/store-samples.ts';
import { testAuthority } from '../support/authority.ts';
import { CollectingLog } from '../support/log.ts';
import { faultyCards } from '../support/p11-shim.ts';
import { testPin } from '../support/softhsm.ts';
import { temporaryDirectory, temporaryStore } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import { directDocuments } from './documents.ts';
import type { SignedDocument } from '../../src/signer/sign.ts';

const count = 60;

describe('a batch on real card processes', needs('softhsm', 'softhsm-dev', 'gcc', 'openssl'), () => {
  test('a card pulled in the middle and put back: nothing lost, nothing twice, both took part, every value verifies', async (t) => {
    const cards = faultyCards((remove) => {
      t.after(remove);
    });
    const identity = testAuthority().issue();
    const log = new CollectingLog();
    const store = await temporaryStore(t, systemClock);
    const files = nodeFiles();
    t.after(() => files.close());
    const directory = await temporaryDirectory(t);
    const configs = ['left', 'right'].map((token) => {
      cards.importKey(cards.createToken(token), { privateKey: identity.privateKey, certificate: identity.certificate });
      return cards.config(token, { pin: { env: 'UNUSED' } });
    });
    const fx = {
      clock: systemClock,
      files,
      log,
      store,
      readSecret: () => Buffer.from(testPin),
      runDir: `${directory}/run`,
      outlive: false,
    };
    const keys = keySources(configs, fx);
    t.after(() => Promise.all(keys.map((key) => key.close())));
    await Promise.all(keys.map((key) => key.open()));

    mkdirSync(`${directory}/spool`);
    for (let seq = 0; seq < count; seq++) writeFileSync(`${directory}/spool/${seq}`, `content ${seq}`);
    await batchWith(store, 'b', Array.from({ length: count }, (_, seq) => newDocument(seq))); // prettier-ignore
    const names = configs.map(({ name }) => name);
    const rules = { keys: new Map(names.map((name) => [name, { roots: [] }])), roots: new Map([['pdf', names]]) };
    const pool = new SigningPool({ clock: systemClock, keys, log, store }, rules);

    cards.set('delay_ms=60');
    const signed: SignedDocument[] = [];
    const result = await signDocuments(
      { clock: systemClock, documents: directDocuments(), log, store, tsas: new Map(), pool },
      {
        batch: { id: 'b', priority: 0, root: 'pdf', keys: names },
        profile: {
          name: 'p',
          format: 'cades',
          level: 'B-B',
          packaging: 'detached',
          digest: 'sha256',
          padding: 'pss',
          tsas: [],
          onTsaFailure: 'wait',
        },
        tsas: [],
        spoolPath: ({ seq }) => `${directory}/spool/${seq}`,
        signal: new AbortController().signal,
      },
      (chunk) => {
        signed.push(...chunk);
        if (signed.length === 10) cards.set('delay_ms=60', 'left.removed=1');
        if (signed.length === 20) cards.set('delay_ms=60');
        return Promise.resolve();
      },
    );
    assert.deepEqual(result, { kind: 'done', signed: count, failed: 0 });
    assert.deepEqual(signed.map(({ seq }) => seq).sort((a, b) => a - b), Array.from({ length: count }, (_, seq) => seq)); // prettier-ignore
    for (const { seq, signature } of signed.filter((_, index) => index % 6 === 0)) {
      writeFileSync(`${directory}/p7s`, assemble(signature.parts, Buffer.from(`content ${seq}`)));
      const files = ['-in', `${directory}/p7s`, '-content', `${directory}/spool/${seq}`, '-out', `${directory}/out`];
      execFileSync('openssl', ['cms', '-verify', '-noverify', '-inform', 'DER', '-binary', ...files], { stdio: 'pipe' });
    }
    const byKey = (name: string): number => signed.filter(({ signature }) => signature.key === name).length;
    assert.ok(byKey('left') >= 2 && byKey('right') > byKey('left'), `${byKey('left')} left, ${byKey('right')} right`);
    const counts = await Promise.all(names.map((name) => store.signatureCounts(name, 0)));
    assert.ok(counts.every(({ open, doubt }) => open === 0 && doubt === 0));
    // The one that ran when the card left counts without a signature; what was handed over behind it never reached the card.
    assert.ok(counts.reduce((sum, { signed: made }) => sum + made, 0) - count <= 1);
  });
});
