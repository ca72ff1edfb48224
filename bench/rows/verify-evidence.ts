import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordsOfTree } from '../../src/archive/tree-records.ts';
import { digestOf } from '../../src/formats/digests.ts';
import { writePem } from '../../src/formats/pem.ts';
import { TrustKeeper, VerifyContext } from '../../src/verify/context.ts';
import { verifyEvidenceRecord } from '../../src/verify/evidence.ts';
import { judgeToken } from '../../src/verify/timestamps.ts';
import { oracleHome } from '../../test/support/tools.ts';
import { anchoredDay } from '../archive.ts';
import { interleave, print } from '../measure.ts';

const ours = 5_000;
/** What DSS verifies in two runs: their difference leaves out its start and most of its compiling. */
const theirs = [100, 600] as const;

/** Documents of a day against their evidence records: hash, path, timestamp, certificates and revocation data, in one process. */
export default async function verifyEvidence(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-bench-'));
  try {
    const day = await anchoredDay(directory, ours);
    const records: Buffer[] = [];
    for await (const { der } of recordsOfTree(day.fx, day.trust, day.tree)) records.push(der);
    // The records hold CRLs of an hour after their timestamp.
    const at = day.at + 7_200_000;
    const anchors = [day.anchor];
    const verify = (): void => {
      const revocation = { crls: [], ocsps: [], failures: [] };
      const context = new VerifyContext({ anchors, certificates: [], revocation, at, revocationMode: 'require' }, new TrustKeeper());
      records.forEach((record, n) => {
        const document = Buffer.from(`document ${n}`);
        const object = { name: `${n}`, digest: (algorithm: Parameters<typeof digestOf>[0]) => digestOf(algorithm, document) };
        const { indication, errors } = verifyEvidenceRecord(record, [object], {
          at,
          judge: (token, time) => judgeToken(context, token, { kind: 'evidence-record', at: time }),
        });
        if (indication !== 'PASSED') throw new Error(`record ${n} is ${indication}: ${errors.join('; ')}`);
      });
    };
    const rates = await interleave({ ours: { n: ours, run: verify } }, { rounds: 3 });
    await day.close();
    const peer = dssRate(directory, records, anchors, at);
    if (peer === undefined) return;
    print({ row: 'verify-evidence', ours: rates.ours.cpu, peer, of: 'EU DSS', goal: 50, unit: 'documents/CPU-s' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Documents a CPU-second of EU DSS, all in one JVM; undefined (and said so) where the oracle is not built. */
function dssRate(directory: string, records: readonly Buffer[], anchors: readonly Buffer[], at: number): number | undefined {
  if (!existsSync(`${oracleHome}/oracle`)) {
    process.stdout.write('  EU DSS: skipped, the oracle is not built (bin/test builds it)\n');
    return undefined;
  }
  const trust = join(directory, 'trust.pem');
  writeFileSync(trust, anchors.map((der) => writePem(der)).join(''));
  const [few, many] = theirs.map((count) => {
    const questions = records.slice(0, count).map((record, n) => {
      const [file, document] = [join(directory, `${n}.ers`), join(directory, `${n}`)];
      writeFileSync(file, record);
      writeFileSync(document, `document ${n}`);
      return [file, '--detached', document, '--trust', trust, '--time', new Date(at).toISOString()].join('\t');
    });
    const run = spawnSync('bash', ['-c', '"$0" --batch; times >&2', `${oracleHome}/oracle`], {
      input: `${questions.join('\n')}\n`,
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    const passed = run.stdout.split('\n').filter((line) => line.includes('"indication":"PASSED"')).length;
    if (passed !== count) throw new Error(`EU DSS passes ${passed} of ${count}: ${run.stdout.slice(0, 1000)}${run.stderr}`);
    return childSeconds(run.stderr);
  });
  return (theirs[1] - theirs[0]) / ((many ?? 0) - (few ?? 0));
}

/** CPU time of children, as the `times` of a shell tells it in its last line: `0m12.345s 0m1.234s`. */
function childSeconds(text: string): number {
  const times = [...(text.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0);
}
