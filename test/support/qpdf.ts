import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How qpdf can write the same document again. `user` in a name: it opens with the password `user` only; the owner's is `owner`. */
export const qpdfVariants: Readonly<Record<string, readonly string[]>> = {
  'object-streams': ['--object-streams=generate'],
  linearized: ['--linearize'],
  'linearized-object-streams': ['--linearize', '--object-streams=generate'],
  qdf: ['--qdf'],
  'rc4-40': ['--allow-weak-crypto', '--encrypt', '', 'owner', '40', '--'],
  'rc4-128-user': ['--allow-weak-crypto', '--encrypt', 'user', 'owner', '128', '--use-aes=n', '--'],
  'rc4-128-v4': ['--allow-weak-crypto', '--encrypt', '', 'owner', '128', '--force-V4', '--'],
  'aes-128': ['--allow-weak-crypto', '--encrypt', '', 'owner', '128', '--use-aes=y', '--cleartext-metadata', '--'],
  'aes-128-user': ['--object-streams=generate', '--allow-weak-crypto', '--encrypt', 'user', 'owner', '128', '--use-aes=y', '--'],
  'aes-256-r5': ['--allow-weak-crypto', '--encrypt', '', 'owner', '256', '--force-R5', '--'],
  'aes-256': ['--object-streams=generate', '--encrypt', '', 'owner', '256', '--'],
  'aes-256-user': ['--encrypt', 'user', 'owner', '256', '--'],
};

/** Writes a document again with options of qpdf. */
export function qpdf(document: Buffer, options: readonly string[]): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-qpdf-'));
  try {
    const [input, output] = [join(directory, 'in.pdf'), join(directory, 'out.pdf')];
    writeFileSync(input, document);
    execFileSync('qpdf', [...options, input, output], { stdio: 'pipe' });
    return readFileSync(output);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Every object of a document as qpdf sees it, decrypted. */
export function qpdfObjects(document: Buffer, password = ''): Record<string, unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'sealtree-qpdf-'));
  try {
    const input = join(directory, 'in.pdf');
    writeFileSync(input, document);
    const json = execFileSync('qpdf', ['--json=2', '--json-key=qpdf', `--password=${password}`, input], {
      maxBuffer: 1 << 26,
      stdio: 'pipe',
    });
    const { qpdf: parts } = JSON.parse(json.toString()) as { qpdf: readonly [unknown, Record<string, unknown>] };
    return parts[1];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
