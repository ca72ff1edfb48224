import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { SealError } from '../../src/errors.ts';
import { oid, sequence } from '../../src/formats/der.ts';
import { oids } from '../../src/formats/oids.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { testAuthority } from '../support/authority.ts';
import { ManualClock } from '../support/clock.ts';
import { CollectingLog } from '../support/log.ts';
import { needs } from '../support/tools.ts';
import type { TestContext } from 'node:test';
import type { ErrorCode } from '../../src/errors.ts';
import type { Extension } from '../../src/authority/extensions.ts';
import type { KeyKind } from '../../src/authority/signing.ts';
import type { SignatureAlgorithm } from '../../src/model/algorithms.ts';
import type { KeyConfig } from '../../src/model/config.ts';
import type { NewKeyKind } from '../../src/ports/key-management.ts';
import type { KeySource } from '../../src/ports/keys.ts';
import type { KeyEffects } from '../../src/signer/keys/effects.ts';
import type { TestAuthority, TestIdentity } from '../support/authority.ts';
import type { Tool } from '../support/tools.ts';

/** A key source under test, with the world it lives in. */
export interface World {
  readonly fx: KeyEffects;
  readonly clock: ManualClock;
  readonly log: CollectingLog;
  /** Every Buffer that the source was given as a secret. */
  readonly secrets: Buffer[];
  readonly meta: Map<string, string>;
  readonly directory: string;
}

export interface Wish {
  readonly identity: TestIdentity;
  /** Instead of the identity's own. */
  readonly certificate?: Buffer;
  readonly rule?: Partial<Pick<KeyConfig, 'keyUsage' | 'minRemaining' | 'allowQualifiedPersonal'>>;
}

/** How the suite makes a source of one kind. */
export interface KeySourceKind {
  readonly name: string;
  readonly tools: readonly Tool[];
  readonly secret: Buffer;
  readonly keyKinds: readonly KeyKind[];
  /** What a wrong configured secret leads to. */
  readonly wrongSecret: ErrorCode;
  make(world: World, wish: Wish): KeySource | Promise<KeySource>;
  /** Puts a second certificate for the same key beside the first, as a renewal does. */
  renew(world: World, wish: Wish, certificate: Buffer): void | Promise<void>;
  /** One whose file or card is not there. */
  makeAbsent(world: World): KeySource;
}

/** The world of a test: real files, a clock that stands still, secrets from a variable. */
export function testWorld(t: TestContext, secret: Buffer, now: number): World {
  const directory = mkdtempSync(`${tmpdir()}/sealtree-keys-`);
  const clock = new ManualClock(now);
  const log = new CollectingLog();
  const secrets: Buffer[] = [];
  const meta = new Map<string, string>();
  const files = nodeFiles();
  const fx: KeyEffects = {
    clock,
    log,
    files,
    store: {
      meta: (key) => Promise.resolve(meta.get(key)),
      setMeta: (key, value) => {
        meta.set(key, value);
        return Promise.resolve();
      },
    },
    readSecret: () => {
      const given = Buffer.from(secret);
      secrets.push(given);
      return given;
    },
    runDir: `${directory}/run`,
    outlive: false,
  };
  t.after(async () => {
    await files.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { fx, clock, log, secrets, meta, directory };
}

/** The contract of ports/keys.ts, for every kind of source. */
export function keySourceSuite(kind: KeySourceKind): void {
  describe(`key source ${kind.name}`, needs(...kind.tools), () => {
    let authority: TestAuthority;
    before(() => {
      authority = testAuthority();
    });

    const opened = async (t: TestContext, wish: Wish, secret = kind.secret): Promise<{ source: KeySource; world: World }> => {
      const world = testWorld(t, secret, authority.now());
      const source = await kind.make(world, wish);
      t.after(() => source.close());
      await source.open();
      return { source, world };
    };
    const refuses = (source: KeySource, code: ErrorCode, state = 'unusable'): void => {
      const status = source.status();
      assert.equal(source.key(), undefined);
      assert.deepEqual([status.state, status.error?.code], [state, code]);
      assert.ok(status.reason);
    };

    for (const keyKind of kind.keyKinds)
      test(`${keyKind}: each algorithm it supports verifies with openssl`, needs('openssl'), async (t) => {
        const identity = authority.issue({ keyType: keyKind });
        const { source } = await opened(t, { identity });
        const key = source.key();
        assert.ok(key, source.status().reason);
        assert.equal(source.status().state, 'ready');
        assert.deepEqual(key.chain[0], identity.certificate);
        const algorithms = algorithmsFor(keyKind);
        for (const algorithm of algorithms) {
          assert.ok(key.supports(algorithm), JSON.stringify(algorithm));
          const data = randomBytes(300);
          const signature = await key.sign(data, algorithm);
          assert.ok(opensslVerifies(identity, data, signature, algorithm), JSON.stringify(algorithm));
        }
      });

    test('signs many at once', async (t) => {
      const identity = authority.issue();
      const { source } = await opened(t, { identity });
      const key = source.key();
      assert.ok(key);
      assert.ok(key.concurrency >= 1 && key.chunk >= 1);
      const signatures = await Promise.all(
        Array.from({ length: 20 }, (_, i) => key.sign(Buffer.from(`document ${i}`), { digest: 'sha256' })),
      );
      assert.ok(
        signatures.every((signature, i) => opensslVerifies(identity, Buffer.from(`document ${i}`), signature, { digest: 'sha256' })),
      );
    });

    test('the chain is signer first, intermediates after it, no anchor', async (t) => {
      const { source } = await opened(t, { identity: authority.issue() });
      assert.deepEqual(source.key()?.chain[1], authority.issuing.certificate);
      assert.equal(source.key()?.chain.length, 2);
    });

    test('a secret is zeroed after use and stands in no log line', async (t) => {
      const { source, world } = await opened(t, { identity: authority.issue() });
      assert.ok(source.key());
      assert.ok(world.secrets.length > 0);
      assert.ok(world.secrets.every((secret) => secret.every((octet) => octet === 0)));
      assert.ok(!JSON.stringify([world.log.lines, source.status()]).includes(kind.secret.toString()));
    });

    test('a wrong secret: no key, no exception, a reason; entered by a person the right one opens it', async (t) => {
      const { source, world } = await opened(t, { identity: authority.issue() }, Buffer.from('000000'));
      const { state, error } = source.status();
      assert.deepEqual([source.key(), error?.code], [undefined, kind.wrongSecret]);
      assert.notEqual(state, 'ready');
      assert.ok(error?.hint);
      const tried = world.secrets.length;
      await world.clock.advance(30_000);
      await source.open();
      assert.ok(kind.name !== 'pkcs11' || world.secrets.length <= tried + 1, 'no second attempt by machine');
      const pin = Buffer.from(kind.secret);
      let changes = 0;
      source.onChange(() => changes++);
      await source.activate(pin);
      assert.ok(source.key());
      assert.ok(changes > 0);
      assert.ok(pin.every((octet) => octet === 0));
    });

    test('a wrong secret by a person rejects, is zeroed, and says what it was', async (t) => {
      const { source } = await opened(t, { identity: authority.issue() });
      await source.deactivate();
      assert.equal(source.key(), undefined);
      const pin = Buffer.from('000000');
      await assert.rejects(source.activate(pin), (error) => error instanceof SealError && error.code === kind.wrongSecret);
      assert.ok(pin.every((octet) => octet === 0));
      assert.equal(source.key(), undefined);
    });

    test('a certificate of another key is told before anything is signed', async (t) => {
      const certificate = authority.issue({ keyName: 'other' }).certificate;
      const { source } = await opened(t, { identity: authority.issue(), certificate });
      refuses(source, 'SEAL-KEY-MISMATCH');
    });

    test('expired, not yet valid, too short before its end, not for signing: unusable, each with its reason', async (t) => {
      const expired = await opened(t, { identity: authority.issue({ state: 'expired' }) });
      refuses(expired.source, 'SEAL-KEY-CERTIFICATE');
      const early = await opened(t, { identity: authority.issue({ state: 'not-yet-valid' }) });
      refuses(early.source, 'SEAL-KEY-CERTIFICATE');
      const short = await opened(t, { identity: authority.issue({ notAfter: authority.now() + 3_600_000 }) });
      refuses(short.source, 'SEAL-KEY-CERTIFICATE');
      const usage = await opened(t, { identity: authority.issue({ keyUsage: ['digitalSignature'] }) });
      refuses(usage.source, 'SEAL-KEY-CERTIFICATE');
      const any = await opened(t, { identity: authority.issue({ keyUsage: ['digitalSignature'] }), rule: { keyUsage: 'any' } });
      assert.ok(any.source.key());
      const reasons = [expired, early, short, usage].map(({ source }) => source.status().reason);
      assert.equal(new Set(reasons).size, 4);
    });

    test('goes out of use by itself when the certificate nears its end, and tells', async (t) => {
      const { source, world } = await opened(t, { identity: authority.issue({ notAfter: authority.now() + 86_400_000 + 10_000 }) });
      let changes = 0;
      source.onChange(() => changes++);
      assert.ok(source.key());
      await world.clock.advance(12_000);
      assert.equal(source.key(), undefined);
      assert.ok(changes > 0);
      refuses(source, 'SEAL-KEY-CERTIFICATE');
    });

    test('a renewed certificate takes over when it is looked for, once it is valid; what was begun with the old one ends with it', async (t) => {
      const day = 86_400_000;
      const wish = { identity: authority.issue({ notAfter: authority.now() + 20 * day }) };
      const { source, world } = await opened(t, wish);
      const old = source.key();
      const activation = source.status().activation;
      const { privateKey } = wish.identity;
      const renewed = authority.issue({ privateKey, notBefore: authority.now() + 5_000, notAfter: authority.now() + 800 * day });
      await kind.renew(world, wish, renewed.certificate);
      let changes = 0;
      source.onChange(() => changes++);
      await source.refresh();
      assert.deepEqual(source.key()?.chain[0], wish.identity.certificate, 'it is not valid yet');
      await world.clock.advance(6_000);
      assert.ok(changes > 0);
      assert.deepEqual(source.key()?.chain, renewed.chain);
      assert.deepEqual(source.status().certificate, renewed.certificate);
      assert.deepEqual(source.status().activation, activation);
      for (const key of [old, source.key()]) {
        const signature = await key?.sign(Buffer.from('x'), { digest: 'sha256' });
        assert.ok(signature && opensslVerifies(renewed, Buffer.from('x'), signature, { digest: 'sha256' }));
      }
      const before = source.key();
      await source.refresh();
      assert.equal(source.key(), before, 'nothing new, nothing changes');
      await source.deactivate();
      await source.refresh();
      assert.equal(source.key(), undefined);
    });

    test('a qualified certificate of a person needs a word in the configuration; a seal does not', async (t) => {
      const person = await opened(t, { identity: authority.issue({ extensions: [qcStatements(oids.qcTypeEsign)] }) });
      refuses(person.source, 'SEAL-KEY-CERTIFICATE');
      assert.match(person.source.status().error?.hint ?? '', /allowQualifiedPersonal/);
      const rule = { allowQualifiedPersonal: true };
      const agreed = await opened(t, { identity: authority.issue({ extensions: [qcStatements(oids.qcTypeEsign)] }), rule });
      assert.ok(agreed.source.key());
      const seal = await opened(t, { identity: authority.issue({ extensions: [qcStatements(oids.qcTypeEseal)] }) });
      assert.ok(seal.source.key());
    });

    test('what is not there is a state, not an exception', async (t) => {
      const world = testWorld(t, kind.secret, authority.now());
      const source = kind.makeAbsent(world);
      t.after(() => source.close());
      await source.open();
      assert.equal(source.key(), undefined);
      assert.equal(source.status().state, 'absent');
      assert.ok(source.status().reason);
    });

    test('an aborted call signs nothing; a closed source has no key', async (t) => {
      const { source } = await opened(t, { identity: authority.issue() });
      const key = source.key();
      await assert.rejects(
        async () => key?.sign(Buffer.from('x'), { digest: 'sha256' }, { signal: AbortSignal.abort(new Error('stop')) }),
        /stop/,
      );
      await source.close();
      assert.equal(source.key(), undefined);
    });
  });
}

/** The extension of a qualified certificate (EN 319 412-5). */
function qcStatements(type: string): Extension {
  const value = sequence(sequence(oid(oids.qcCompliance)), sequence(oid(oids.qcType), sequence(oid(type))));
  return { oid: oids.qcStatements, critical: false, value };
}

/** All that a key of this kind shall be able to do. */
export function algorithmsFor(keyKind: KeyKind | NewKeyKind): SignatureAlgorithm[] {
  const digests = ['sha256', 'sha384', 'sha512'] as const;
  if (keyKind === 'ed25519') return [{ digest: 'sha512' }];
  if (!keyKind.startsWith('rsa')) return digests.map((digest) => ({ digest }));
  return digests.flatMap((digest) => [
    { digest, padding: 'pkcs1' },
    { digest, padding: 'pss' },
  ]);
}

let scratch: string | undefined;
after(() => {
  if (scratch !== undefined) rmSync(scratch, { recursive: true });
});

/** Whether openssl accepts a signature. */
export function opensslVerifies(
  identity: Pick<TestIdentity, 'publicKey'>,
  data: Buffer,
  signature: Buffer,
  { digest, padding }: SignatureAlgorithm,
): boolean {
  scratch ??= mkdtempSync(`${tmpdir()}/sealtree-verify-`);
  writeFileSync(`${scratch}/key.pem`, identity.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(`${scratch}/signature`, signature);
  if (identity.publicKey.asymmetricKeyType === 'ed25519') {
    writeFileSync(`${scratch}/data`, data);
    const files = ['-inkey', `${scratch}/key.pem`, '-in', `${scratch}/data`, '-sigfile', `${scratch}/signature`];
    return execFileSync('openssl', ['pkeyutl', '-verify', '-pubin', '-rawin', ...files])
      .toString()
      .includes('Verified Successfully');
  }
  const pss = padding === 'pss' ? ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'] : [];
  const args = ['dgst', `-${digest}`, ...pss, '-verify', `${scratch}/key.pem`, '-signature', `${scratch}/signature`];
  return execFileSync('openssl', args, { input: data }).toString().includes('Verified OK');
}
