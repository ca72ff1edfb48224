import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createAuthority } from '../../src/authority/create.ts';
import { CrlPublisher } from '../../src/authority/publish.ts';
import { nodeFiles } from '../../src/effects/files.ts';
import { systemRandom } from '../../src/effects/random.ts';
import { parseCrl } from '../../src/formats/crl.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryDirectory } from '../support/files.ts';
import { CollectingLog } from '../support/log.ts';
import type { TestContext } from 'node:test';

const files = nodeFiles();
after(() => files.close());
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

async function published(t: TestContext, settings = { interval: hour, validity: 30 * day }) {
  const top = temporaryDirectory(t);
  const fx = { clock: new ManualClock(), files, random: systemRandom, log: new CollectingLog() };
  const wanted = { dir: join(top, 'authority'), baseUrl: 'http://127.0.0.1:3180', crlDir: join(top, 'crls') };
  const { authority } = await createAuthority(fx, wanted);
  const publisher = new CrlPublisher(fx, authority, settings);
  const onDisk = async (issuer: 'root' | 'issuing') => parseCrl(await readFile(join(top, 'crls', `evaluation-${issuer}.crl`)));
  return { top, fx, authority, publisher, onDisk };
}

describe('CRLs of the evaluation authority', () => {
  test('lie in the directory for CRLs, and are the same in memory', async (t) => {
    const { top, publisher, onDisk } = await published(t);
    assert.deepEqual(await publisher.refresh(), [join(top, 'crls/evaluation-root.crl'), join(top, 'crls/evaluation-issuing.crl')]);
    assert.deepEqual((await onDisk('issuing')).der, publisher.crl('issuing'));
    assert.deepEqual(await publisher.refresh(), []);
    assert.equal(publisher.crl('nobody'), undefined);
  });

  test('never run out while the authority serves, and their numbers grow', async (t) => {
    const { fx, publisher, onDisk } = await published(t, { interval: 20 * day, validity: 30 * minute });
    await publisher.refresh();
    publisher.start();
    let last = await onDisk('issuing');
    for (let step = 0; step < 8; step++) {
      await fx.clock.advance(20 * minute + 1000);
      const crl = await onDisk('issuing');
      assert.ok((crl.nextUpdate ?? 0) > fx.clock.now());
      assert.ok((crl.cRLNumber ?? 0n) > (last.cRLNumber ?? 0n));
      last = crl;
    }
    publisher.stop();
    assert.equal(fx.clock.waiting, 0);
  });

  test('are made anew each interval, not more often', async (t) => {
    const { fx, publisher, onDisk } = await published(t);
    await publisher.refresh();
    publisher.start();
    const first = (await onDisk('root')).thisUpdate;
    await fx.clock.advance(59 * minute);
    assert.equal((await onDisk('root')).thisUpdate, first);
    await fx.clock.advance(2 * minute);
    assert.equal((await onDisk('root')).thisUpdate, first + hour);
    publisher.stop();
  });

  test('are kept over a restart while they are good, and numbered on when the clock was set back', async (t) => {
    const { fx, authority, publisher, onDisk } = await published(t);
    await publisher.refresh();
    const { cRLNumber = 0n } = await onDisk('issuing');
    assert.deepEqual(await new CrlPublisher(fx, authority).refresh(), []);
    fx.clock.jump(-day);
    assert.equal((await new CrlPublisher(fx, authority).refresh()).length, 2);
    assert.equal((await onDisk('issuing')).cRLNumber, cRLNumber + 1n);
  });

  test('hold a revocation within a minute, also one that an operator wrote into the registry', async (t) => {
    const { fx, top, authority, publisher, onDisk } = await published(t);
    await publisher.refresh();
    publisher.start();
    const tsa = parseCertificate(authority.tsa.certificate).serialNumber;
    await authority.registry.revoke(tsa, fx.clock.now(), 'superseded');
    await fx.clock.advance(minute);
    assert.equal((await onDisk('issuing')).find(tsa, () => true)?.reason, 'superseded');

    const file = join(top, 'authority/authority.json');
    const ca = parseCertificate(authority.issuing.certificate).serialNumber;
    const text = await readFile(file, 'utf8');
    const marked = text.replace(
      '"issuer": "root",',
      `"issuer": "root", "revoked": { "time": "2026-11-22T06:00:00Z", "reason": "cACompromise" },`,
    );
    await writeFile(file, marked);
    await fx.clock.advance(minute);
    assert.equal((await onDisk('root')).find(ca, () => true)?.reason, 'cACompromise');
    publisher.stop();
  });

  test('go on with the last good registry when somebody damaged it, and say so', async (t) => {
    const { fx, top, publisher, onDisk } = await published(t);
    await publisher.refresh();
    publisher.start();
    await writeFile(join(top, 'authority/authority.json'), 'not JSON');
    await fx.clock.advance(minute);
    assert.deepEqual(fx.log.messages('warn'), ['the CRLs of the evaluation authority could not be renewed']);
    assert.equal((await onDisk('root')).count(), 0);
    publisher.stop();
  });

  test('are made anew when the one on disk is damaged', async (t) => {
    const { fx, top, authority, publisher, onDisk } = await published(t);
    await publisher.refresh();
    await writeFile(join(top, 'crls/evaluation-root.crl'), 'rubbish');
    assert.deepEqual(await new CrlPublisher(fx, authority).refresh(), [join(top, 'crls/evaluation-root.crl')]);
    assert.equal((await onDisk('root')).count(), 0);
  });

  test('refuse to revoke what was not issued here', async (t) => {
    const { authority } = await published(t);
    await assert.rejects(authority.registry.revoke(Buffer.from('0102', 'hex'), 0), { code: 'SEAL-INPUT-INVALID' });
  });
});
