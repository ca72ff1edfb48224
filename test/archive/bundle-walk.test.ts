import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestHex } from '../../src/archive/bundle-page/record.ts';
import { walkRecord, type KnownObject, type Walk } from '../../src/archive/bundle-page/walk.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { parseEvidenceRecord } from '../../src/formats/ers.ts';
import { encodeEvidenceRecord } from '../../src/formats/ers-write.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { testAuthority } from '../support/authority.ts';
import { initialChains, renewHashTree, renewTimestamp, type Chains } from '../support/evidence.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 10, 22, 18);
const members = [Buffer.from('document'), Buffer.from('signature')];
const objects: KnownObject[] = members.map((bytes, n) => ({
  name: `object ${n}`,
  digests: {
    256: digestOf('sha256', bytes).toString('hex'),
    384: digestOf('sha384', bytes).toString('hex'),
    512: digestOf('sha512', bytes).toString('hex'),
  },
}));

/** Whether everything fits. */
function holds(walks: readonly Walk[]): boolean {
  return walks.every(({ reaches, later, beginnings }) => reaches && later && beginnings.every(({ fits }) => fits === true));
}

/** A record with n renewals of each kind. */
async function mixed(): Promise<Chains> {
  const authority = testAuthority({ now: start });
  const at = (n: number): { readonly authority: typeof authority; readonly time: number } => ({ authority, time: start + n * day });
  let chains = await initialChains({ ...at(0), digest: 'sha256' }, members, 5);
  chains = await renewTimestamp(at(1), chains);
  chains = await renewTimestamp(at(2), chains);
  chains = await renewHashTree({ ...at(3), digest: 'sha512' }, chains, members);
  return await renewTimestamp(at(4), chains);
}

void test('the page walks every path of a renewed record, and reads the same times and imprints as the product', async () => {
  const record = encodeEvidenceRecord(await mixed());
  const walks = walkRecord(record, objects);
  assert.ok(holds(walks), JSON.stringify(walks));
  assert.deepEqual(
    walks.map(({ kind, bits }) => `${kind} ${bits}`),
    ['first 256', 'timestamps 256', 'timestamps 256', 'hash-tree 512', 'timestamps 512'],
  );
  const tokens = parseEvidenceRecord(record).chains.flatMap(({ timestamps }) =>
    timestamps.map(({ timeStamp }) => parseTimestampToken(timeStamp)),
  );
  assert.deepEqual(
    walks.map(({ words }) => [words.imprint, Date.parse(words.time)]),
    tokens.map(({ messageImprint, genTime }) => [messageImprint.value.toString('hex'), genTime]),
  );
});

void test('without the new digest of a document the page says that it cannot tell, not that it fits', async () => {
  const record = encodeEvidenceRecord(await mixed());
  const known = objects.map(({ name, digests: { 256: own = '' } }) => ({ name, digests: { 256: own } }));
  const fits = walkRecord(record, known).map(({ beginnings }) => beginnings.map((one) => one.fits));
  assert.deepEqual(fits[3], [undefined, undefined]);
  assert.deepEqual(fits[0], [true, true]);
});

void test('every changed byte from the first hash on that a later timestamp covers is noticed', async () => {
  const record = encodeEvidenceRecord(await mixed());
  const last = parseEvidenceRecord(record).chains.at(-1);
  assert.ok(last);
  // The last chain is covered by the signatures of its own tokens.
  const from = record.indexOf(Buffer.from(digestHex(256, Buffer.from('document')), 'hex'));
  const to = record.indexOf(last.raw);
  let noticed = 0;
  for (let at = from; at < to; at += 11) {
    const changed = Buffer.from(record);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    let good: boolean;
    try {
      good = holds(walkRecord(changed, objects));
    } catch {
      good = false;
    }
    assert.ok(!good, `byte ${at}`);
    noticed++;
  }
  assert.ok(noticed > 300, `${noticed}`);
});

void test('times that do not grow, and another document, do not fit', async () => {
  const authority = testAuthority({ now: start });
  const first = await initialChains({ authority, time: start, digest: 'sha256' }, members, 3);
  const same = await renewTimestamp({ authority, time: start }, first);
  assert.ok(!holds(walkRecord(encodeEvidenceRecord(same), objects)));
  const other = [{ name: 'other', digests: { 256: digestHex(256, Buffer.from('other')) } }];
  assert.deepEqual(
    walkRecord(encodeEvidenceRecord(first), other)[0]?.beginnings.map(({ fits }) => fits),
    [false],
  );
});
