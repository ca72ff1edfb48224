import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LiveConfig } from '../../src/app/live-config.ts';
import type { Config, RootConfig } from '../../src/model/config.ts';
import type { Profile } from '../../src/model/signature.ts';
import { profile, rootConfig } from '../support/intake.ts';

function file(changes: Partial<Config> = {}, root: Partial<RootConfig> = {}): Config {
  const stamped: Profile = { ...profile(), name: 'stamped', level: 'B-T', tsas: ['one'] };
  return {
    path: '/etc/sealtree/roots.yaml',
    dataDir: '/data',
    log: { level: 'info', modules: {} },
    trust: { anchors: [], certificates: [], crls: [], revocation: 'require', fetch: true, allowHosts: [], maxAge: 1 },
    keys: {},
    pools: {},
    tsas: { one: { name: 'one', url: 'http://one', digest: 'sha256', timeout: 1 } },
    profiles: { seal: profile(), stamped },
    roots: { letters: rootConfig('/roots/letters', root) },
    archive: {
      ...{ timezone: 'UTC', closeAt: '00:15', closing: { kind: 'daily' }, tsas: ['one'], timestamps: 1, digest: 'sha256', keep: 'none' },
      renew: 'warn',
      renewBefore: 180 * 86_400_000,
      revocationGrace: 1,
    },
    ...changes,
  };
}

suite('a configuration that changes under a running daemon', () => {
  test('whoever holds a root sees what holds now', () => {
    const live = new LiveConfig(file());
    const { letters } = live.config.roots;
    assert.ok(letters);
    assert.deepEqual(letters, rootConfig('/roots/letters'));
    const change = {
      priority: 7,
      onError: 'deliverRest',
      ignore: ['*.bak'],
      minFree: 1,
      maxWait: 5,
      retention: 6,
      htmlReport: true,
    } as const;
    const changes = live.apply(file({}, change));
    assert.deepEqual(
      [...changes.applied].sort(),
      Object.keys(change)
        .map((name) => `roots.letters.${name}`)
        .sort(),
    );
    assert.deepEqual(changes.needRestart, []);
    assert.deepEqual({ ...letters }, rootConfig('/roots/letters', change));
    assert.deepEqual(
      Object.values(live.config.roots).map(({ priority }) => priority),
      [7],
    );
    assert.deepEqual(live.apply(file()).applied.length, 7, 'and back: what is no longer set is gone');
    assert.equal('retention' in letters, false);
    assert.equal(letters.maxWait, undefined);
  });

  test('what was opened at the start is named, not changed', () => {
    const live = new LiveConfig(file());
    const fresh = file(
      {
        dataDir: '/elsewhere',
        monitor: { host: '127.0.0.1', port: 1 },
        tsas: { one: { name: 'one', url: 'http://two', digest: 'sha256', timeout: 1 } },
        archive: { ...file().archive, digest: 'sha512' },
        trust: { ...file().trust, revocation: 'none' },
      },
      {
        incoming: '/other',
        keys: ['another'],
        approval: { mode: 'quiet', name: 'APPROVED', quiet: 1 },
        ready: 'DONE',
        watch: 'poll',
        priority: 1,
      },
    );
    const { applied, needRestart } = live.apply({ ...fresh, roots: { ...fresh.roots, added: rootConfig('/roots/added') } });
    assert.deepEqual(applied, ['roots.letters.priority']);
    assert.deepEqual(
      [...needRestart].sort(),
      [
        ...['archive.digest', 'data', 'monitor', 'tsas.one', 'trust.revocation', 'roots.added', 'roots.letters.approval'],
        ...['roots.letters.incoming', 'roots.letters.keys', 'roots.letters.ready', 'roots.letters.watch'],
      ].sort(),
    );
    assert.equal(live.config.archive.digest, 'sha256');
    assert.equal(live.config.roots['letters']?.incoming, '/roots/letters/incoming');
    assert.equal(live.config.roots['added'], undefined);
  });

  test('profiles come and change; one that needs an authority that is not there waits for a restart, with the roots that name it', () => {
    const live = new LiveConfig(file());
    const good = { ...profile(), name: 'good' };
    const distant = { ...profile(), name: 'distant', level: 'B-T' as const, tsas: ['two'] };
    const changed = { ...profile(), padding: 'pkcs1' as const };
    const { stamped } = file().profiles;
    assert.ok(stamped);
    const first = live.apply(file({ profiles: { seal: changed, stamped, good, distant } }, { profile: 'good', allowProfiles: ['seal'] }));
    assert.deepEqual([...first.applied].sort(), ['profiles.good', 'profiles.seal', 'roots.letters.allowProfiles', 'roots.letters.profile']);
    assert.deepEqual(first.needRestart, ['profiles.distant']);
    assert.deepEqual([live.config.profiles['seal']?.padding, live.config.roots['letters']?.profile], ['pkcs1', 'good']);
    const second = live.apply(file({ profiles: { seal: changed, stamped, good, distant } }, { profile: 'distant', priority: 3 }));
    assert.deepEqual(second.applied, ['roots.letters.priority']);
    assert.deepEqual([...second.needRestart].sort(), ['profiles.distant', 'roots.letters.allowProfiles', 'roots.letters.profile']);
    // Batches under way still name it.
    assert.deepEqual(live.apply(file({ profiles: { seal: changed, stamped } })).needRestart, ['profiles.good']);
    assert.ok(live.config.profiles['good']);
  });

  test('a root that left the file stays until the restart', () => {
    const live = new LiveConfig(file());
    assert.deepEqual(live.apply(file({ roots: {} })), { applied: [], needRestart: ['roots.letters'] });
    assert.equal(live.config.roots['letters']?.name, 'letters');
  });

  test('log levels change, the file they go to does not; and nobody can change anything in passing', () => {
    const live = new LiveConfig(file());
    const changes = live.apply(file({ log: { level: 'debug', modules: { batch: 'trace' }, file: '/var/log/sealtree' } }));
    assert.deepEqual(changes, { applied: ['log.level', 'log.modules'], needRestart: ['log.file'] });
    assert.deepEqual(live.config.log, { level: 'debug', modules: { batch: 'trace' } });
    assert.throws(() => Object.assign(live.config, { dataDir: '/x' }), TypeError);
    assert.throws(() => Object.assign(live.config.roots['letters'] ?? {}, { priority: 1 }), TypeError);
  });
});
