import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { testAuthority } from '../support/authority.ts';
import { complaints, dss, opensslCms } from '../support/judges.ts';
import { softHsm, testPin } from '../support/softhsm.ts';
import { needs } from '../support/tools.ts';
import { CardHouse } from './card-house.ts';
import { deliveries } from './deliveries.ts';
import type { Daemon } from './daemon.ts';
import type { KeyKind } from '../../src/authority/signing.ts';

/** Each kind of key with the algorithms that go with it. */
const matrix: readonly (readonly [KeyKind, { readonly digest: string; readonly padding?: string }])[] = [
  ...(['rsa2048', 'rsa3072', 'rsa4096'] as const).flatMap((kind) => [
    [kind, { digest: 'sha256', padding: 'pkcs1' }] as const,
    [kind, { digest: 'sha256', padding: 'pss' }] as const,
  ]),
  ['p256', { digest: 'sha256' }],
  ['p384', { digest: 'sha384' }],
  ['brainpoolP256r1', { digest: 'sha256' }],
  ['brainpoolP384r1', { digest: 'sha384' }],
  ['ed25519', { digest: 'sha512' }],
];

describe('SoftHSM: each kind of key signs through the whole daemon', needs('softhsm', 'openssl', 'dss'), () => {
  const authority = testAuthority();
  const removals: (() => unknown)[] = [];
  let house: CardHouse;
  let daemon: Daemon;
  const nameOf = ([kind, { padding = '' }]: (typeof matrix)[number]): string => `${kind}${padding}`;

  before(async () => {
    const hsm = softHsm((remove) => removals.push(remove));
    const token = hsm.createToken('all');
    const kinds = [...new Set(matrix.map(([kind]) => kind))];
    const idOf = (kind: KeyKind): string => `0${kinds.indexOf(kind) + 1}`;
    for (const kind of kinds) {
      const { privateKey, certificate } = authority.issue({ keyType: kind, subject: kind });
      hsm.importKey(token, { privateKey, certificate, id: idOf(kind), label: kind });
    }
    const common = { source: 'pkcs11', module: hsm.module, environment: hsm.environment, token: { label: token }, pin: { file: './pin' } };
    house = new CardHouse(authority, {
      keys: Object.fromEntries(kinds.map((kind) => [kind, { ...common, key: { id: idOf(kind) }, chain: ['./issuing.pem'], sessions: 2 }])),
      profiles: Object.fromEntries(matrix.map((one) => [nameOf(one), { format: 'auto', ...one[1] }])),
      roots: Object.fromEntries(matrix.map((one) => [nameOf(one), { keys: [one[0]], profile: nameOf(one) }])),
    });
    removals.push(() => {
      rmSync(house.directory, { recursive: true, force: true });
    });
    writeFileSync(join(house.directory, 'pin'), testPin, { mode: 0o600 });
    daemon = await house.daemon({ after: (end) => removals.push(end) });
  });
  after(async () => {
    for (const remove of removals.reverse()) await remove();
  });

  test('CAdES by openssl and DSS, PAdES by DSS', async () => {
    for (const one of matrix) {
      mkdirSync(house.at(nameOf(one), 'incoming'), { recursive: true });
      house.place(nameOf(one), 'b', { 'a.txt': `signed by ${nameOf(one)}`, 'a.pdf': 'ghostscript.pdf' });
    }
    for (const one of matrix) await house.untilDelivered(nameOf(one), 'b').catch((error: unknown) => assert.fail(`${String(error)} ${daemon.log.slice(-3000)}`)); // prettier-ignore
    const { trust, intermediates, crls } = authority.write(house.directory);
    const all = deliveries(house.directory, matrix.map(nameOf));
    assert.equal(all.length, 2 * matrix.length);
    // openssl 3.0 cannot verify CMS with Ed25519 (“invalid digest”); DSS can.
    for (const { root, document, signature } of all.filter((one) => one.signature !== undefined && one.root !== 'ed25519')) {
      const { accepted, output } = await opensslCms(signature ?? '', { anchors: trust, intermediates }, document);
      assert.ok(accepted, `${root}: ${output}`);
    }
    const answers = await dss(
      all.map(({ document, signature }) => ({
        file: signature ?? document,
        ...(signature === undefined ? {} : { detached: [document] }),
        ...{ trust: [trust], adjunct: [intermediates], crls },
      })),
    );
    for (const [index, answer] of answers.entries()) {
      const { root = '', document = '' } = all[index] ?? {};
      const [signature, ...others] = answer.signatures;
      assert.ok(signature?.intact === true && signature.valid && others.length === 0, `${document}: ${complaints(answer)}`);
      // The policy that DSS brings with it does not list EdDSA.
      if (root !== 'ed25519') assert.ok(answer.allPassed, `${document}: ${complaints(answer)}`);
    }
  });
});
