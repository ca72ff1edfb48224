import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePem } from '../../src/formats/pem.ts';
import type { TestIdentity } from '../../test/support/authority.ts';

const here = new URL('.', import.meta.url).pathname;
const home = new URL('../../.tools/dss-bench/', import.meta.url).pathname;

/** Signatures a CPU-second of EU DSS with the same key and document, warm JVM; undefined (and said so) where Java or Maven is missing. */
export async function dssRate(mode: 'cades' | 'pades', signer: TestIdentity, document: Buffer): Promise<number | undefined> {
  if (!build()) {
    process.stdout.write('  EU DSS: skipped, java and mvn are needed\n');
    return undefined;
  }
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-dss-'));
  try {
    const [p12, file, key, certificate] = ['key.p12', 'document', 'key.pem', 'certificate.pem'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
      string,
    ];
    writeFileSync(file, document);
    writeFileSync(key, signer.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(certificate, signer.chain.map((der) => writePem(der)).join(''));
    spawnSync(
      'openssl',
      ['pkcs12', '-export', '-inkey', key, '-in', certificate, '-out', p12, '-passout', 'pass:bench', '-name', 'bench'],
      { stdio: 'inherit' },
    );
    const run = spawnSync('java', ['-Xmx2g', '-cp', `${home}out:${home}lib/*`, 'DssSigner', p12, 'bench', file, mode, '2'], {
      encoding: 'utf8',
    });
    const rate = Number(/^per-cpu-second (?<rate>[\d.]+)$/m.exec(run.stdout)?.groups?.['rate']);
    if (!(rate > 0)) throw new Error(`EU DSS did not sign: ${run.stdout}${run.stderr}`);
    return await Promise.resolve(rate);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function build(): boolean {
  if (existsSync(`${home}out/DssSigner.class`)) return true;
  if (spawnSync('mvn', ['-v'], { stdio: 'ignore' }).status !== 0) return false;
  mkdirSync(home, { recursive: true });
  const steps: [string, string[]][] = [
    ['mvn', ['-q', '-B', '-f', `${here}pom.xml`, 'dependency:copy-dependencies', `-DoutputDirectory=${home}lib`]],
    ['javac', ['-cp', `${home}lib/*`, '-d', `${home}out`, `${here}DssSigner.java`]],
  ];
  return steps.every(([command, args]) => spawnSync(command, args, { stdio: 'inherit' }).status === 0);
}
