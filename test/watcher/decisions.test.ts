import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { SealError } from '../../src/errors.ts';
import { batchId } from '../../src/formats/batch-id.ts';
import { incomplete } from '../../src/watcher/incomplete.ts';
import { pauseAfter, settleTime } from '../../src/watcher/pace.ts';
import { FairQueue, type Queued } from '../../src/watcher/queue.ts';
import { rulesOf } from '../../src/watcher/rules.ts';
import { narrow, parseSemaphore } from '../../src/watcher/semaphore.ts';
import { compareFiles, observe, untilSettled, type Settling } from '../../src/watcher/settle.ts';
import { rootConfig } from '../support/intake.ts';

suite('settling', () => {
  const snapshot = (fingerprint: string) => ({ fingerprint, files: 1, bytes: 1 });

  test('a batch has settled when it looked the same for the whole time', () => {
    let state: Settling = observe(undefined, snapshot('a'), 0);
    assert.equal(untilSettled(state, 0, 5_000), 5_000);
    state = observe(state, snapshot('a'), 4_000);
    assert.equal(untilSettled(state, 4_000, 5_000), 1_000);
    state = observe(state, snapshot('b'), 4_900);
    assert.equal(untilSettled(state, 5_000, 5_000), 4_900, 'a change starts the time anew');
    state = observe(state, snapshot('b'), 9_900);
    assert.equal(untilSettled(state, 9_900, 5_000), 0);
  });

  test('never before the last change is `settle` old, whatever was seen', () => {
    const looks = fc.array(fc.record({ gap: fc.nat(3_000), content: fc.constantFrom('a', 'b') }), { minLength: 1 });
    fc.assert(
      fc.property(looks, fc.nat(5_000), (seen, settle) => {
        let state: Settling | undefined;
        let now = 0;
        let lastChange = 0;
        let before: string | undefined;
        for (const { gap, content } of seen) {
          now += gap;
          if (content !== before) lastChange = now;
          before = content;
          state = observe(state, snapshot(content), now);
          assert.equal(untilSettled(state, now, settle) === 0, now - lastChange >= settle);
        }
      }),
    );
  });

  test('expected files: what is missing and what is too much; semaphores and ignored files do not count', () => {
    const { role } = rulesOf({ approval: { name: 'APPROVED' }, ignore: ['*.tmp'] });
    const expected = [{ name: 'a.pdf' }, { name: 'ü/b.pdf' }];
    const latin1 = Buffer.from('ü/b.pdf').toString('latin1');
    assert.equal(compareFiles(expected, ['a.pdf', latin1, 'APPROVED', 'x.tmp'], role), undefined);
    const different = compareFiles(expected, ['a.pdf', 'c.pdf'], role);
    assert.deepEqual(different, { missing: [latin1], unexpected: ['c.pdf'] });
    assert.equal(
      incomplete(different, 2, '/in/x').message,
      '1 of 2 expected files are missing (“ü/b.pdf”); the semaphore does not name “c.pdf”',
    );
  });
});

suite('pace', () => {
  test('passes back events up, take 2 % of the time at most, and poll as fast as that allows but no slower than configured', () => {
    assert.equal(pauseAfter(undefined, 10_000), 10_000);
    assert.equal(pauseAfter({ took: 20, mode: 'events' }, 10_000), 10_000);
    assert.equal(pauseAfter({ took: 400, mode: 'events' }, 10_000), 20_000);
    assert.equal(pauseAfter({ took: 1, mode: 'poll' }, 10_000), 1_000);
    assert.equal(pauseAfter({ took: 100, mode: 'poll' }, 10_000), 5_000);
    assert.equal(pauseAfter({ took: 5_000, mode: 'poll' }, 10_000), 10_000);
  });

  test('a root that turns out to be polled settles for 30 s, unless its configuration says otherwise', () => {
    const root = rootConfig('/r', { watch: 'auto', settle: 5_000 });
    assert.equal(settleTime(root, { mode: 'events' }), 5_000);
    assert.equal(settleTime(root, { mode: 'poll' }), 30_000);
    assert.equal(settleTime({ ...root, settle: 2_000 }, { mode: 'poll' }), 2_000);
    assert.equal(settleTime({ ...root, watch: 'poll' }, { mode: 'poll' }), 5_000);
    assert.equal(settleTime({ ...root, approval: { mode: 'quiet', name: 'APPROVED', quiet: 7 } }, { mode: 'poll' }), 7);
  });
});

suite('semaphores', () => {
  const parsed = (text: string | Buffer) => parseSemaphore(Buffer.from(text));
  const refused = (text: string | Buffer): SealError => {
    try {
      parsed(text);
    } catch (thrown) {
      assert.ok(thrown instanceof SealError && thrown.code === 'SEAL-BATCH-SEMAPHORE', String(thrown));
      assert.ok(thrown.hint);
      return thrown;
    }
    return assert.fail(`accepted: ${text.toString().slice(0, 100)}`);
  };

  test('empty, YAML and JSON say the same', () => {
    for (const text of ['', '\n', '# approved by Ann\n', '\ufeff', '---\n', 'null', '{}'])
      assert.deepEqual(parsed(text), {}, JSON.stringify(text));
    const sha256 = 'A'.repeat(64);
    const expected = { profile: 'p', keys: ['k'], priority: 7, files: [{ name: 'a' }, { name: 'b/c', sha256: 'a'.repeat(64) }] };
    assert.deepEqual(parsed(`profile: p\nkeys: k\npriority: 7\nfiles: [a, {name: ./b/c, sha256: ${sha256}}]\n`), expected);
    assert.deepEqual(parsed(JSON.stringify({ profile: 'p', keys: ['k'], priority: 7, files: ['a', { name: 'b/c', sha256 }] })), expected);
    assert.deepEqual(parsed(`files:\n  a:\n  b/c: ${sha256}\n`).files, expected.files);
    assert.deepEqual(parsed('{profile: p}'), { profile: 'p' });
  });

  test('everything else is malformed, and the reason names what is wrong', () => {
    assert.match(refused('proflie: x').message, /proflie/);
    for (const text of [
      'approved',
      '- a',
      '42',
      'profile: 1',
      'profile: ""',
      'keys: []',
      'priority: high',
      'priority: 1.5',
      'priority: 1e9',
    ])
      refused(text);
    for (const files of ['[]', '[../x]', '[/etc/passwd]', '[a//b]', '[""]', '[1]', '[a, a]', '[{name: a, sha256: zz}]', '[{nam: a}]', 'a'])
      refused(`files: ${files}`);
    for (const text of ['{"profile": }', 'a: [', '\tx', 'a: &x 1\nb: *x', 'profile: p\nprofile: q', Buffer.from([0xff, 0xfe])])
      refused(text);
  });

  test('hostile ones end in an error, not in time or memory', () => {
    refused(Buffer.alloc((16 << 20) + 1, 0x20));
    refused(`profile: ${'x'.repeat(300_000)}`);
    refused('['.repeat(30_000));
    refused(`{"files":${'['.repeat(1_000_000)}`);
    refused('a: &a [x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseSemaphore(Buffer.from(bytes));
        } catch (thrown) {
          assert.ok(thrown instanceof SealError && thrown.code === 'SEAL-BATCH-SEMAPHORE', String(thrown));
        }
      }),
    );
  });

  test('it narrows what the root permits and never widens it', () => {
    const root = rootConfig('/r', { keys: ['a', 'b'], profile: 'p', allowProfiles: ['q'], priority: 3 });
    const pools = { pool: ['b', 'c'] };
    assert.deepEqual(narrow({}, root, pools), { profile: 'p', keys: ['a', 'b'], priority: 3 });
    assert.deepEqual(narrow({ profile: 'q', keys: ['pool'], priority: 9 }, root, pools), { profile: 'q', keys: ['b'], priority: 9 });
    const denied = { code: 'SEAL-BATCH-NOT-PERMITTED' };
    assert.throws(() => narrow({ profile: 'z' }, root, pools), denied);
    assert.throws(() => narrow({ keys: ['a', 'c'] }, root, pools), denied);
    assert.throws(() => narrow({ keys: ['constructor'] }, root, pools), denied);
    assert.throws(() => narrow({ keys: ['a'] }, rootConfig('/r', { keys: [] }), pools), denied);
  });
});

suite('fairness', () => {
  const item = fc.record<Queued>({
    root: fc.constantFrom('a', 'b', 'c'),
    rootPriority: fc.constantFrom(0, 0, 5),
    priority: fc.integer({ min: -2, max: 8 }),
    approvedAt: fc.nat(1_000),
  });
  const sameRootSamePriority = (items: readonly Queued[]): Queued[] =>
    items.map((one) => ({ ...one, rootPriority: { a: 0, b: 0, c: 5 }[one.root] ?? 0 }));
  const effective = ({ priority, rootPriority }: Queued): number => Math.min(priority, rootPriority);

  test('everything comes out once, and the next one never has a lower priority than another root’s next', () => {
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const queue = new FairQueue<Queued>();
        const all = sameRootSamePriority(items);
        for (const one of all) queue.add(one);
        const left = new Set(all);
        for (let next = queue.take(); next !== undefined; next = queue.take()) {
          assert.ok(left.delete(next));
          const chosen = next;
          for (const other of left) {
            if (other.root === chosen.root) assert.ok(other.priority <= chosen.priority);
            if (other.root === chosen.root && other.priority === chosen.priority) assert.ok(other.approvedAt >= chosen.approvedAt);
          }
          const heads = ['a', 'b', 'c'].map(
            (root) => [...left].filter((one) => one.root === root).sort((x, y) => y.priority - x.priority)[0],
          );
          for (const head of heads) if (head && head.root !== chosen.root) assert.ok(effective(head) <= effective(chosen));
        }
        assert.equal(left.size, 0);
        assert.equal(queue.size, 0);
      }),
    );
  });

  test('between roots of equal priority nobody waits for more than one batch of each other root', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ root: fc.constantFrom('a', 'b', 'c'), approvedAt: fc.nat(1_000) })), (items) => {
        const queue = new FairQueue<Queued>();
        for (const one of items) queue.add({ ...one, rootPriority: 0, priority: 0 });
        const order: string[] = [];
        const left = new Map<string, number>();
        for (const { root } of items) left.set(root, (left.get(root) ?? 0) + 1);
        for (let next = queue.take(); next !== undefined; next = queue.take()) {
          const { root } = next;
          const last = order.lastIndexOf(root);
          // Since this root was served last, each root that still waits was served once, and none twice.
          const since = order.slice(last + 1);
          assert.equal(new Set(since).size, since.length);
          if (last >= 0) for (const [other, count] of left) if (other !== root && count > 0) assert.ok(since.includes(other));
          order.push(root);
          left.set(root, (left.get(root) ?? 0) - 1);
        }
      }),
    );
  });

  test('a root that may not claim keeps its place; one that is taken out is gone', () => {
    const queue = new FairQueue<Queued>();
    const [first, second] = ['a', 'b'].map((root) => ({ root, rootPriority: 0, priority: 0, approvedAt: 0 }));
    assert.ok(first && second);
    queue.add(first);
    queue.add(second);
    assert.equal(
      queue.take((root) => root === 'b'),
      second,
    );
    assert.equal(
      queue.take((root) => root === 'b'),
      undefined,
    );
    assert.equal(queue.remove(second), false);
    assert.equal(queue.remove(first), true);
    assert.equal(queue.take(), undefined);
  });
});

test('batch ids sort by their time and are plain names', () => {
  const id = batchId(Date.UTC(2026, 10, 22, 6, 21, 29), Buffer.from([0, 1, 2, 30, 255]));
  assert.match(id, /^20261122-062129-[a-z0-9]{5}$/);
  assert.ok(id < batchId(Date.UTC(2026, 10, 22, 6, 21, 30), Buffer.alloc(5)));
});
