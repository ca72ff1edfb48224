import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { directoryReader } from '../../src/effects/directories.ts';
import { watchThreads } from '../../src/effects/watching.ts';
import { SealError } from '../../src/errors.ts';
import { joinPath } from '../../src/formats/names.ts';
import type { ApprovedDirectory, DirectoryReader, SweepReport, TreeWatch, WatchedTree } from '../../src/ports/watching.ts';
import { TreeScan } from '../../src/watcher/watch.ts';
import { temporaryDirectory } from '../support/files.ts';
import { sharedMemory } from '../support/tools.ts';

const threads = watchThreads();
after(() => threads.close());

type Mode = 'events' | 'poll';

/** A scan in this thread, and a clock that only moves when told. */
function scanning(
  incoming: string,
  options: { mode?: Mode; reader?: DirectoryReader; approval?: 'semaphore' | 'quiet'; semaphore?: string } = {},
) {
  const { mode = 'poll', reader = directoryReader, approval = 'semaphore', semaphore = 'APPROVED' } = options;
  const tree = { name: 'r', incoming, approval, semaphore, watch: mode } as const;
  const hints: string[] = [];
  const clock = { ms: 1_000 };
  const scan = new TreeScan(reader, tree, {
    mode,
    hint: ({ relPath }) => hints.push(relPath.toString()),
    wake: () => undefined,
    monotonic: () => clock.ms,
  });
  const sweep = (): SweepReport => {
    const outcomes: (SweepReport | SealError)[] = [];
    scan.sweep((outcome) => outcomes.push(outcome));
    while (scan.step());
    const [outcome] = outcomes;
    if (outcome === undefined) throw new Error('the pass did not end');
    if (outcome instanceof SealError) throw outcome;
    return outcome;
  };
  const work = (): void => {
    while (scan.step());
  };
  return { scan, sweep, work, hints, clock };
}

const paths = (report: SweepReport): string[] => report.approved.map(({ relPath }) => relPath.toString('latin1')).sort();

function plant(top: string, ...files: readonly string[]): void {
  for (const file of files) {
    mkdirSync(join(top, file, '..'), { recursive: true });
    writeFileSync(join(top, file), '');
  }
}

suite('one pass over a tree', () => {
  test('batches at any depth, the outer one owns the inner one, incoming itself is none', (t) => {
    const top = temporaryDirectory(t);
    plant(
      top,
      'a/APPROVED',
      'deep/er/est/APPROVED',
      'outer/APPROVED',
      'outer/inner/APPROVED',
      'none/x.pdf',
      '.sealtree/claimed/1/APPROVED',
      'APPROVED',
    );
    const { sweep } = scanning(top);
    const report = sweep();
    assert.deepEqual(paths(report), ['a', 'deep/er/est', 'outer']);
    assert.deepEqual(
      report.nearMisses.map(({ message }) => message),
      ['“APPROVED” lies in incoming itself; a batch is a directory below it'],
    );
  });

  test('what is no regular file approves nothing and is explained; links are not followed', (t) => {
    const top = temporaryDirectory(t);
    mkdirSync(join(top, 'directory/APPROVED'), { recursive: true });
    mkdirSync(join(top, 'link'));
    mkdirSync(join(top, 'fifo'));
    symlinkSync('/etc/passwd', join(top, 'link/APPROVED'));
    assert.equal(spawnSync('mkfifo', [join(top, 'fifo/APPROVED')]).status, 0);
    plant(top, 'elsewhere/APPROVED', 'typo/Approved.txt');
    const other = temporaryDirectory(t);
    plant(other, 'APPROVED');
    symlinkSync(other, join(top, 'alias'));
    const report = scanning(top).sweep();
    assert.deepEqual(paths(report), ['elsewhere']);
    assert.deepEqual(report.nearMisses.map(({ relPath, message }) => `${relPath.toString()}: ${message}`).sort(), [
      'directory: “APPROVED” is a directory; a regular file is expected',
      'fifo: “APPROVED” is a fifo; a regular file is expected',
      'link: “APPROVED” is a symlink; a regular file is expected',
      'typo: “Approved.txt” found, “APPROVED” expected',
    ]);
  });

  test('names that are no UTF-8 and names with a newline come back byte for byte', (t) => {
    const top = temporaryDirectory(t);
    const name = Buffer.from([0x61, 0xff, 0x0a, 0xfe]);
    const directory = joinPath(top, name, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(joinPath(directory, 'APPROVED'), '');
    const [approved] = scanning(top).sweep().approved;
    assert.deepEqual(approved?.relPath, joinPath(name, name));
    assert.deepEqual(approved.semaphore, Buffer.from('APPROVED'));
  });

  test('of several semaphores that match a glob it is always the same', (t) => {
    const top = temporaryDirectory(t);
    plant(top, 'a/z.ok', 'a/b.ok', 'a/m.ok');
    assert.deepEqual(scanning(top, { semaphore: '*.ok' }).sweep().approved[0]?.semaphore, Buffer.from('b.ok'));
  });

  test('quiet mode: the direct children of incoming, whatever is in them', (t) => {
    const top = temporaryDirectory(t);
    plant(top, 'a/b/c', 'file', '.sealtree/x');
    mkdirSync(join(top, 'empty'));
    const { sweep } = scanning(top, { approval: 'quiet' });
    assert.deepEqual(paths(sweep()), ['a', 'empty']);
    rmSync(join(top, 'a'), { recursive: true });
    assert.deepEqual(paths(sweep()), ['empty']);
  });

  test('an approval that is taken back is gone, and what it covered is found again', (t) => {
    const top = temporaryDirectory(t);
    plant(top, 'outer/APPROVED', 'outer/inner/APPROVED');
    const { sweep } = scanning(top);
    assert.deepEqual(paths(sweep()), ['outer']);
    rmSync(join(top, 'outer/APPROVED'));
    assert.deepEqual(paths(sweep()), ['outer/inner']);
  });

  test('a change in the same tick of the file system’s clock is not missed; later an unchanged directory is not read again', (t) => {
    const top = temporaryDirectory(t);
    plant(top, 'a/x');
    const at = new Date();
    const reads: string[] = [];
    const reader: DirectoryReader = {
      ...directoryReader,
      entries: (path, size) => {
        reads.push(path);
        return directoryReader.entries(path, size);
      },
    };
    const { sweep, clock } = scanning(top, { reader });
    utimesSync(join(top, 'a'), at, at);
    assert.deepEqual(paths(sweep()), []);
    plant(top, 'a/APPROVED');
    utimesSync(join(top, 'a'), at, at);
    clock.ms += 1_000;
    assert.deepEqual(paths(sweep()), ['a'], 'the time stood still, the content did not');
    clock.ms += 3_000;
    sweep();
    reads.length = 0;
    clock.ms += 3_000;
    sweep();
    assert.deepEqual(reads, []);
  });

  test('an incoming that is not there is said and comes back', (t) => {
    const top = join(temporaryDirectory(t), 'incoming');
    const { sweep } = scanning(top);
    assert.throws(sweep, { code: 'SEAL-ROOT-UNUSABLE' });
    plant(top, 'a/APPROVED');
    assert.deepEqual(paths(sweep()), ['a']);
    renameSync(top, `${top}.away`);
    assert.throws(sweep, { code: 'SEAL-ROOT-UNUSABLE' });
    renameSync(`${top}.away`, top);
    assert.deepEqual(paths(sweep()), ['a']);
  });

  test('whatever happens between passes, a pass shows what a fresh look shows', (t) => {
    const names = fc.constantFrom('a', 'b', 'c');
    const path = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const change = fc.oneof(
      fc.record({ op: fc.constant('mkdir'), path, to: path }),
      fc.record({ op: fc.constant('approve'), path, to: path }),
      fc.record({ op: fc.constant('withdraw'), path, to: path }),
      fc.record({ op: fc.constant('remove'), path, to: path }),
      fc.record({ op: fc.constant('rename'), path, to: path }),
      fc.record({ op: fc.constant('link'), path, to: path }),
    );
    const base = temporaryDirectory(t);
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 5 }), { minLength: 1, maxLength: 5 }), (rounds) => {
        const top = mkdtempSync(join(base, 'run-'));
        const { sweep, clock } = scanning(top);
        for (const round of rounds) {
          for (const one of round) apply(top, one);
          clock.ms += 700;
          assert.deepEqual(paths(sweep()), fresh(top));
        }
      }),
      { numRuns: 150 },
    );
  });
});

function apply(top: string, { op, path, to }: { op: string; path: string; to: string }): void {
  const place = join(top, path);
  try {
    if (op === 'mkdir') mkdirSync(place, { recursive: true });
    if (op === 'approve') writeFileSync(join(place, 'APPROVED'), '');
    if (op === 'withdraw') rmSync(join(place, 'APPROVED'));
    if (op === 'remove') rmSync(place, { recursive: true });
    if (op === 'rename') renameSync(place, join(top, to));
    if (op === 'link') symlinkSync('.', place);
  } catch {
    // Not every change is possible; those that are not change nothing.
  }
}

function fresh(top: string, below = ''): string[] {
  const entries = readdirSync(join(top, below), { withFileTypes: true });
  if (below !== '' && entries.some((entry) => entry.isFile() && entry.name === 'APPROVED')) return [below];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => fresh(top, join(below, entry.name)))
    .sort();
}

test('the limit of watched directories falls back to polling, says so, and gives all watches back', (t) => {
  const top = temporaryDirectory(t);
  for (let n = 0; n < 20; n++) mkdirSync(join(top, `${n}`));
  plant(top, '7/APPROVED');
  let open = 0;
  let started = 0;
  const reader: DirectoryReader = {
    ...directoryReader,
    watch: () => {
      if (++started > 10) throw Object.assign(new Error('limit'), { code: 'ENOSPC' });
      open++;
      return { close: () => open-- };
    },
  };
  const { sweep } = scanning(top, { mode: 'events', reader });
  const report = sweep();
  assert.equal(report.mode, 'poll');
  assert.match(report.fallback ?? '', /max_user_watches/);
  assert.equal(open, 0);
  assert.deepEqual(paths(report), ['7'], 'nothing is lost');
});

// --- in threads, with the events of this machine ---------------------------------------------------------------------------------------

interface Watched {
  readonly watch: TreeWatch;
  readonly first: SweepReport;
  readonly hints: Map<string, ApprovedDirectory>;
}

async function watching(t: TestContext, incoming: string, more: Partial<WatchedTree> = {}): Promise<Watched> {
  const hints = new Map<string, ApprovedDirectory>();
  const tree: WatchedTree = { name: 'r', incoming, approval: 'semaphore', semaphore: 'APPROVED', watch: 'events', ...more };
  const { watch, first } = await threads.open(tree, (hint) => hints.set(hint.relPath.toString('latin1'), hint));
  t.after(() => watch.close());
  return { watch, first, hints };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 6_000; tries++) {
    if (holds()) return;
    await sleep(10);
  }
  assert.fail(`did not happen: ${what}`);
}

suite('hints', () => {
  test('an approval in a directory that is known, new, or moved in as a whole tree', async (t) => {
    const top = temporaryDirectory(t);
    const outside = temporaryDirectory(t);
    mkdirSync(join(top, 'known'));
    plant(outside, 'tree/sub/APPROVED');
    const { hints, watch, first } = await watching(t, top);
    assert.deepEqual([first.mode, first.directories], ['events', 1]);
    writeFileSync(join(top, 'known/APPROVED'), '');
    plant(top, 'new/APPROVED');
    renameSync(join(outside, 'tree'), join(top, 'moved'));
    await until('three hints', () => ['known', 'new', 'moved/sub'].every((path) => hints.has(path)));
    renameSync(join(top, 'known'), join(outside, 'claimed'));
    assert.deepEqual(paths(await watch.sweep()), ['moved/sub', 'new']);
  });

  test('of 2,000 directories renamed in a burst, none is lost', async (t) => {
    const top = temporaryDirectory(t);
    const outside = temporaryDirectory(t);
    for (let n = 0; n < 2_000; n++) {
      mkdirSync(join(outside, `${n}`));
      writeFileSync(join(outside, `${n}/APPROVED`), '');
    }
    const { hints, watch } = await watching(t, top);
    for (let n = 0; n < 2_000; n++) renameSync(join(outside, `${n}`), join(top, `${n}`));
    await until('2,000 hints', () => hints.size === 2_000);
    assert.equal((await watch.sweep()).approved.length, 2_000);
  });

  test('polling sees the same, with the next pass', async (t) => {
    const top = temporaryDirectory(t);
    const { watch, first } = await watching(t, top, { watch: 'poll' });
    assert.equal(first.mode, 'poll');
    plant(top, 'a/APPROVED');
    assert.deepEqual(paths(await watch.sweep()), ['a']);
  });

  test('a root that is not there is refused, others in the same thread go on', async (t) => {
    const top = temporaryDirectory(t);
    await assert.rejects(watching(t, join(top, 'none')), { code: 'SEAL-ROOT-UNUSABLE' });
    const { watch } = await watching(t, top);
    await watch.sweep();
  });
});

suite('snapshots', () => {
  test('equal as long as nothing changed, different after any change of name, size, time or content place', async (t) => {
    const top = temporaryDirectory(t);
    plant(top, 'a', 'b/c');
    const seen = new Set<string>();
    const look = async (): Promise<string> => (await threads.snapshot(top))?.fingerprint ?? '';
    const changes = [
      () => undefined,
      () => {
        writeFileSync(join(top, 'a'), 'x');
      },
      () => {
        renameSync(join(top, 'a'), join(top, 'A'));
      },
      () => {
        renameSync(join(top, 'A'), join(top, 'b/A'));
      },
      () => {
        utimesSync(join(top, 'b/c'), 1, 1);
      },
      () => {
        mkdirSync(join(top, 'empty'));
      },
      () => {
        symlinkSync('nowhere', join(top, 'link'));
      },
    ];
    for (const change of changes) {
      change();
      const fingerprint = await look();
      assert.equal(await look(), fingerprint);
      assert.ok(!seen.has(fingerprint));
      seen.add(fingerprint);
    }
  });

  test('counts, names as bytes, and a limit', async (t) => {
    const top = temporaryDirectory(t);
    writeFileSync(joinPath(top, Buffer.from([0xff])), '12345');
    plant(top, 'd/e');
    const snapshot = await threads.snapshot(top, 10);
    assert.deepEqual([snapshot?.files, snapshot?.bytes], [2, 5]);
    assert.deepEqual([...(snapshot?.names ?? [])].sort(), ['d/e', '\xff']);
    assert.equal((await threads.snapshot(top, 0))?.names?.length, 1, 'one more than asked for tells that there are more');
    assert.equal(await threads.snapshot(join(top, 'none')), undefined);
    assert.equal(await threads.snapshot(join(top, 'd/e')), undefined);
  });
});

test('a root on a file system of its own has a thread of its own', sharedMemory, async (t) => {
  const here = temporaryDirectory(t);
  const there = temporaryDirectory(t, '/dev/shm');
  plant(here, 'a/APPROVED');
  plant(there, 'b/APPROVED');
  const [one, two] = await Promise.all([watching(t, here), watching(t, there)]);
  assert.deepEqual([paths(one.first), paths(two.first)], [['a'], ['b']]);
});
