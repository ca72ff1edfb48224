import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Programs and modules that prove our output but are not ours. `bin/test` with CI=true installs them (test/setup). */
const found: Record<string, () => boolean> = {
  openssl: () => runs('openssl', ['version']),
  gcc: () => runs('gcc', ['--version']),
  qpdf: () => runs('qpdf', ['--version']),
  pdfsig: () => runs('pdfsig', ['-v']),
  certutil: () => runs('sh', ['-c', 'command -v certutil']),
  strace: () => runs('strace', ['-V']),
  softhsm: () => softhsmModule !== undefined && runs('softhsm2-util', ['--version']),
  opensc: () => runs('sh', ['-c', 'command -v pkcs11-tool']),
  pyhanko: () => existsSync(`${venv}/bin/pyhanko`),
  dss: () => existsSync(`${oracleHome}/target/dss-oracle.jar`) && runs('java', ['-version']),
  chromium: () => existsSync('/usr/bin/chromium'),
};
export type Tool = 'openssl' | 'gcc' | 'qpdf' | 'pdfsig' | 'certutil' | 'strace' | 'softhsm' | 'opensc' | 'pyhanko' | 'dss' | 'chromium';

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
