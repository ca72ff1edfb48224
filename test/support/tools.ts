import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Programs and modules that prove our output but are not ours. `bin/test` with CI=true installs them (test/setup). */
const found: Record<string, () => boolean> = {
  openssl: () => runs('openssl', ['version']),
  xxd: () => runs('xxd', ['-v']),
  gcc: () => runs('gcc', ['--version']),
  qpdf: () => runs('qpdf', ['--version']),
  pdfsig: () => runs('pdfsig', ['-v']),
  certutil: () => runs('sh', ['-c', 'command -v certutil']),
  strace: () => runs('strace', ['-V']),
  softhsm: () => softhsmModule !== undefined && runs('softhsm2-util', ['--version']),
  'softhsm-dev': () => existsSync('/usr/include/softhsm/pkcs11.h'),
  keytool: () => runs('keytool', ['-help']),
  opensc: () => runs('sh', ['-c', 'command -v pkcs11-tool']),
  pcsc: () =>
    openscModule !== undefined && existsSync('/usr/lib/pcsc/drivers/serial/libifdvpcd.so') && runs('pcscd', ['--version']) && mayUnshare(),
  pyhanko: () => existsSync(`${venv}/bin/pyhanko`),
  dss: () => existsSync(`${oracleHome}/target/dss-oracle.jar`) && runs('java', ['-version']),
  chromium: () => existsSync('/usr/bin/chromium'),
  pkits: () => pkitsData() !== undefined,
};
export type Tool =
  | 'openssl'
  | 'xxd'
  | 'gcc'
  | 'qpdf'
  | 'pdfsig'
  | 'certutil'
  | 'strace'
  | 'softhsm'
  | 'softhsm-dev'
  | 'opensc'
  | 'keytool'
  | 'pcsc'
  | 'pyhanko'
  | 'dss'
  | 'chromium'
  | 'pkits';

const top = new URL('../../', import.meta.url).pathname;
/** Virtual environment with pyHanko, beside the project. */
export const venv = `${top}.tools/python`;
/** The DSS oracle, built. */
export const oracleHome = `${top}.tools/oracle`;
export const softhsmModule = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
].find(existsSync);

/** OpenSC's PKCS#11 module. */
export const openscModule = ['/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so', '/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so'].find(existsSync);

/** Namespaces of its own: root, and a machine (or container) that permits it. */
function mayUnshare(): boolean {
  return runs('unshare', ['--net', '--mount', '--pid', '--fork', 'ip', 'link', 'show', 'lo']);
}

/** The NIST PKITS certificates and CRLs of PyPI's cryptography-vectors. */
export function pkitsData(): string | undefined {
  const libraries = join(venv, 'lib');
  const versions = existsSync(libraries) ? readdirSync(libraries) : [];
  return versions.map((version) => join(libraries, version, 'site-packages/cryptography_vectors/x509/PKITS_data')).find(existsSync);
}

function runs(command: string, args: string[]): boolean {
  const result = spawnSync(command, args, { stdio: 'ignore' });
  return result.error === undefined && result.status === 0;
}

const known = new Map<Tool, boolean>();

function has(tool: Tool): boolean {
  const answer = known.get(tool) ?? found[tool]?.() ?? false;
  known.set(tool, answer);
  return answer;
}

/**
 * Options for a test that needs foreign programs: `test('…', needs('qpdf'), () => …)`.
 * Without them the test is skipped by name, and with CI=true it runs and fails: nothing is missed silently there.
 */
export function needs(...tools: Tool[]): { skip?: string } {
  const missing = tools.filter((tool) => !has(tool));
  return missing.length === 0 || process.env['CI'] === 'true' ? {} : { skip: `not installed: ${missing.join(', ')}` };
}

/**
 * Options for a test that needs a right: `test('…', asRoot, …)`. Skipped by name where it is wanting; with CI=true it runs and fails there.
 */
export const asRoot: { skip?: string } =
  process.getuid?.() === 0 || process.env['CI'] === 'true' ? {} : { skip: 'only root may give files to others' };

/** Linux' memory file system, a place that is not the temporary directory's file system; skipped by name elsewhere. */
export const sharedMemory: { skip?: string } =
  process.env['CI'] === 'true' || (existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev)
    ? {}
    : { skip: 'no /dev/shm that is a file system of its own' };

const unmounted = 'needs the right to mount (CAP_SYS_ADMIN): a container has it only when it is given';

/** Skips a test that has found out that it may not mount; nothing else can make a full disk or a foreign mount. */
export function skipUnmounted(t: TestContext): void {
  t.skip(unmounted);
}

/** Options for a test that mounts: skipped by name where the kernel does not let us, tried in a mount namespace of its own. */
export function mounting(): { skip?: string } {
  const allowed = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
  return allowed ? {} : { skip: unmounted };
}
