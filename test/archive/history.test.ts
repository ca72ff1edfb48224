import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkArchive } from '../../src/archive/check.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { testAuthority } from '../support/authority.ts';
import { frozenToken } from '../support/evidence.ts';
import { History } from '../support/history.ts';
import { recomputeRecord } from '../support/recompute-ers.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';

const start = Date.UTC(2026, 10, 22, 6, 0, 0);
const keeper = new TrustKeeper();

type Step =
  | { readonly kind: 'tree'; readonly groups: readonly number[] }
  | { readonly kind: 'timestamps' }
  | { readonly kind: 'rehash'; readonly digest: DigestAlgorithm; readonly lost: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('tree' as const), groups: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 9 }) }),
  fc.record({ kind: fc.constant('timestamps' as const) }),
  fc.record({
    kind: fc.constant('rehash' as const),
    digest: fc.constantFrom<DigestAlgorithm>('sha256', 'sha384', 'sha512'),
    // One object in so many is not found any more.
    lost: fc.constantFrom(0, 0, 3, 7),
  }),
);

void test('after any history of trees, timestamp renewals and hash-tree renewals each record proves its objects, and every hash in it is that of RFC 4998', async () => {
  let seen = 0;
  const shapes = new Set<string>();
  const trees = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(trees, fc.array(step, { maxLength: 9 }), async (first, steps) => {
      const authority = testAuthority({ now: start });
      const stamp = (digest: DigestAlgorithm, root: Buffer, time: number): Promise<Buffer> =>
        frozenToken({ authority, time, digest }, root);
      const history = new History(stamp, start, authority.root.certificate);
      const archived: Buffer[][] = [];
      const add = async (sizes: readonly number[]): Promise<void> => {
        const groups = sizes.map((size) => Array.from({ length: size }, () => Buffer.from(`object ${seen++}`)));
        archived.push(...groups);
        await history.tree(groups);
      };
      await add(first);
      for (const one of steps) {
        if (one.kind === 'tree') await add(one.groups);
        else if (one.kind === 'timestamps') await history.renewTimestamps();
        else {
          const hash = (object: Buffer): number => digestOf('sha256', object).readUInt8(0);
          await history.rehash(one.digest, (object) => one.lost === 0 || hash(object) % one.lost !== 0);
        }
      }
      const at = history.now() + 7_200_000;
      authority.setTime(at);
      const context = new VerifyContext(
        {
          anchors: [authority.root.certificate],
          certificates: [],
          revocation: { crls: authority.crls(), ocsps: [], failures: [] },
          at,
          revocationMode: 'require',
        },
        keeper,
      );
      for (const members of archived) {
        const { der } = await history.record(members[0] ?? Buffer.alloc(0));
        shapes.add(recomputeRecord(der, members).join(' '));
        const given = members.map((bytes, n) => ({
          name: `${n}`,
          digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, bytes),
        }));
        const report = verifyEvidenceRecord(der, given, {
          at,
          judge: (token, time) => judgeToken(context, token, { kind: 'evidence-record', at: time }),
        });
        assert.deepEqual([report.indication, report.warnings], ['PASSED', []], report.errors.join('; '));
      }
      const { findings } = await checkArchive(history.fx, history.trust);
      // These trees are not linked: a History has no closing.
      assert.deepEqual(
        findings.filter(({ what }) => !what.startsWith('does not hold the token of')),
        [],
      );
    }),
    { numRuns: process.env['SEALTREE_FULL'] === 'true' ? 200 : 25 },
  );
  assert.ok(shapes.size > 10, `${shapes.size} shapes of records`);
});
