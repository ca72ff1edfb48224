import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { appendBatch } from '../../src/archive/append.ts';
import { rehashLinks } from '../../src/archive/rehash-own.ts';
import { rehashTrees } from '../../src/archive/rehash.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { openTrust } from '../../src/pki/trust.ts';
import { appendDocuments, documentBytes, documentHash, outputBytes, signedBatch, testTsa } from '../support/archive.ts';
import { testAuthority } from '../support/authority.ts';
import { bouncyCastle } from '../support/bouncycastle.ts';
import { dss } from '../support/judges.ts';
import { day, machinery, recordsOf, renewingArchive, settle, verdict, type RenewingArchive } from '../support/renewing.ts';
import { temporaryDirectory } from '../support/store.ts';
import { needs } from '../support/tools.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

/** BouncyCastle knows no validation time: all renewals must lie in the past. */
const start = Math.floor(Date.now() / day) * day - 200 * day;
const documents = [{ name: 'letter.txt' }];
const group = [documentBytes('letter.txt'), outputBytes('letter.txt', documents)];
const single = [documentBytes('single')];

/** Everything is hashed anew; the documents are those of these tests. */
async function rehash(archive: RenewingArchive, digest: DigestAlgorithm): Promise<void> {
  const { fx, settings, renewing } = archive;
  const known: DigestAlgorithm[] = ['sha256', 'sha384', 'sha512'];
  const objects = [...group, ...single, documentBytes('neighbour')].flatMap((bytes) =>
    known.map((algorithm) => ({ hash: digestOf(algorithm, bytes), rehashed: digestOf(digest, bytes) })),
  );
  await fx.store.addRehashed(digest, objects);
  await rehashLinks(fx, known, digest);
  const { result } = await renewing.whileAlone(() => rehashTrees(fx, settings, { digest, n: 1, actor: 'test' }));
  assert.deepEqual([result.incomplete, result.waiting], [0, []]);
  await settle(archive);
}

void test(
  'BouncyCastle and EU DSS accept the archive’s records of every kind, in XML too: single, group, renewed, re-hashed, mixed',
  needs('dss'),
  async (t) => {
    const archive = await renewingArchive(t, {}, start);
    const { fx, settings, closing, renewing, authority } = archive;
    await signedBatch(archive, 'batch', documents);
    await appendBatch(fx, settings.archive, { id: 'batch' }, { certificates: [], revocation: { crls: [], ocsps: [] }, reports: [] });
    await appendDocuments(archive, ['single', 'neighbour']);
    await closing.close('test');
    await settle(archive);
    await appendDocuments(archive, ['another day']);
    await closing.close('test');
    await settle(archive);

    const directory = await temporaryDirectory(t);
    const cases: { readonly name: string; readonly record: string; readonly xml: string; readonly members: readonly string[] }[] = [];
    const take = async (name: string): Promise<void> => {
      for (const [kind, members] of Object.entries({ single, group })) {
        const hash = documentHash(kind === 'single' ? 'single' : 'letter.txt');
        const [record] = await recordsOf(archive, hash);
        assert.ok(record?.final, `${name} ${kind}`);
        const report = verdict(archive, record.der, Object.fromEntries(members.map((bytes, n) => [`${n}`, bytes])));
        assert.equal(report.indication, 'PASSED', report.errors.join('; '));
        const paths = members.map((_, n) => join(directory, `${name}-${kind}.${n}.bin`));
        members.forEach((bytes, n) => {
          writeFileSync(paths[n] ?? '', bytes);
        });
        writeFileSync(join(directory, `${name}-${kind}.ers`), record.der);
        const xml = join(directory, `${name}-${kind}.ers.xml`);
        writeFileSync(xml, record.xml());
        cases.push({ name: `${name} ${kind}`, record: join(directory, `${name}-${kind}.ers`), xml, members: paths });
      }
    };
    const renew = async (): Promise<void> => {
      assert.ok((await renewing.renewTimestamps('test')).anchored.length > 0);
      await settle(archive);
    };
    // The day that holds no documents of ours is not hashed anew: its objects are not given.
    await take('initial');
    await renew();
    await take('renewed');
    await renew();
    await take('renewed-twice');
    await fx.store.addRehashed('sha512', [{ hash: documentHash('another day'), rehashed: documentHash('another day', 'sha512') }]);
    await rehash(archive, 'sha512');
    await take('rehashed');
    await renew();
    await take('rehashed-renewed');
    await fx.store.addRehashed('sha384', [
      { hash: documentHash('another day', 'sha512'), rehashed: documentHash('another day', 'sha384') },
    ]);
    await rehash(archive, 'sha384');
    await renew();
    await renew();
    await take('mixed');

    const castle = await bouncyCastle(cases.map(({ record, members }) => [record, ...members]));
    authority.setTime(Math.floor(Date.now() / 1000) * 1000);
    const { trust, crls } = authority.write(directory);
    const answers = await dss(
      cases.flatMap(({ record, xml, members }) => [record, xml].map((file) => ({ file, detached: members, trust: [trust], crls }))),
    );
    cases.forEach(({ name, members }, n) => {
      assert.deepEqual(castle[n], ['OK', 'OK'], `BouncyCastle: ${name}`);
      for (const [form, answer] of [answers[2 * n], answers[2 * n + 1]].entries()) {
        const [report] = answer?.evidenceRecords ?? [];
        const said = `${report?.subIndication ?? ''} ${report?.errors.join('; ') ?? answer?.error ?? ''}`;
        assert.equal(report?.indication, 'PASSED', `DSS: ${name}, form ${form}: ${said}`);
        assert.equal(report.covered.length, members.length, name);
        assert.ok(form === 1 || (report.isDer && report.chains.flat().every(({ tokenIsDer }) => tokenIsDer)), `${name} is DER`);
      }
    });
  },
);

void test(
  'after the end of the first authority’s certificate a renewed record of the archive is PASSED, the unrenewed one INDETERMINATE',
  needs('dss'),
  async (t) => {
    const base = await renewingArchive(t, {}, start);
    const { authority, clock } = base;
    const ending = testAuthority({ name: 'Ending', now: start, tsaNotAfter: start + 60 * day });
    const crls = (): Buffer[] =>
      [ending, authority].flatMap((one) => {
        one.setTime(Math.floor(clock.now() / 1000) * 1000);
        return one.crls();
      });
    const trust = openTrust({
      anchors: [ending.root.certificate, authority.root.certificate],
      certificates: [ending.issuing.certificate, authority.issuing.certificate],
      revocation: { crls: [], ocsps: [], failures: [] },
      revocationMode: 'require',
    });
    const using = (name: string): RenewingArchive => {
      const changed = {
        ...base,
        settings: { ...base.settings, trust, tsas: [{ name, digest: 'sha256' as const }] },
        fx: {
          ...base.fx,
          revocation: { find: () => Promise.resolve({ crls: crls(), ocsps: [], failures: [] }) },
          tsas: new Map([
            ['ending', testTsa(ending, clock, 'ending')],
            ['next', testTsa(authority, clock, 'next')],
          ]),
        },
      };
      return { ...changed, ...machinery(changed) };
    };
    const before = using('ending');
    await appendDocuments(before, ['long lived', 'neighbour']);
    await before.closing.close('test');
    await settle(before);
    const [unrenewed] = await recordsOf(before, documentHash('long lived'));
    await clock.advance(30 * day);
    const after = using('next');
    assert.equal((await after.renewing.renewTimestamps('test')).anchored.length, 1);
    await settle(after);
    const [renewed] = await recordsOf(after, documentHash('long lived'));
    assert.ok(unrenewed && renewed);
    assert.ok(renewed.provesUntil > unrenewed.provesUntil);

    await clock.advance(70 * day);
    const directory = await temporaryDirectory(t);
    const put = (name: string, bytes: Buffer): string => {
      writeFileSync(join(directory, name), bytes);
      return join(directory, name);
    };
    const common = {
      detached: [put('document', documentBytes('long lived'))],
      trust: [ending, authority].map(({ root }, n) => put(`trust${n}.pem`, Buffer.from(root.pem))),
      crls: crls().map((crl, n) => put(`${n}.crl`, crl)),
      time: new Date(clock.now()).toISOString(),
    };
    const [open, passed] = await dss([
      { file: put('unrenewed.ers', unrenewed.der), ...common },
      { file: put('renewed.ers', renewed.der), ...common },
    ]);
    assert.equal(open?.evidenceRecords[0]?.indication, 'INDETERMINATE');
    assert.equal(passed?.evidenceRecords[0]?.indication, 'PASSED', passed?.evidenceRecords[0]?.errors.join('; '));
  },
);
