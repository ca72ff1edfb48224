import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { venv } from '../tools.ts';
import type { Judgement } from './openssl.ts';
import { runProgram } from './program.ts';

/** One signature of a PDF as pyHanko sees it. */
export interface PyhankoSignature {
  readonly field: string;
  /** The bytes are those that were signed. */
  readonly intact: boolean;
  /** The value fits the certificate. */
  readonly valid: boolean;
  /** The chain leads to an anchor and none of it is revoked. */
  readonly trusted: boolean;
  /** All of these, nothing changed afterwards that may not, and a good timestamp where there is one. */
  readonly bottomLine: boolean;
  /** Such as ENTIRE_FILE. */
  readonly coverage: string;
  /** ISO 8601; of a valid signature timestamp. */
  readonly timestamp: string | null;
  /** pyHanko's own words. */
  readonly summary: string;
}

export interface PyhankoAnswer {
  readonly file: string;
  readonly error?: string;
  readonly signatures: readonly PyhankoSignature[];
}

export interface PdfTrust {
  /** PEM. */
  readonly anchors: string;
  /** DER; with them revocation is required. */
  readonly crls?: readonly string[];
  /** User password of encrypted files. */
  readonly password?: string;
}

const script = new URL('./validate_pdfs.py', import.meta.url).pathname;

/** Asks pyHanko about all signatures of many PDFs in one Python process; answers come in the order of the files. */
export async function pyhanko(files: readonly string[], trust: PdfTrust): Promise<PyhankoAnswer[]> {
  const input = JSON.stringify({ files, ...trust });
  const { status, stdout, stderr } = await runProgram(`${venv}/bin/python`, [script], { input });
  if (status !== 0) throw new Error(`pyHanko ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.toString()) as PyhankoAnswer[];
}

export interface PdfsigSignature {
  readonly signatureValid: boolean;
  readonly certificateTrusted: boolean;
  readonly wholeDocument: boolean;
}

export interface PdfsigAnswer {
  readonly file: string;
  readonly signatures: readonly PdfsigSignature[];
  readonly output: string;
}

/** Asks pdfsig (Poppler, NSS), which trusts only what stands in its NSS database: one is made from the anchors and removed again. */
export async function pdfsig(files: readonly string[], anchors: string): Promise<PdfsigAnswer[]> {
  const database = await mkdtemp(join(tmpdir(), 'sealtree-nss-'));
  try {
    await certutil(['-N', '-d', `sql:${database}`, '--empty-password']);
    const pems = (await readFile(anchors, 'latin1')).match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
    for (const [index, pem] of pems.entries()) {
      const file = join(database, `${index}.pem`);
      await writeFile(file, pem);
      await certutil(['-A', '-d', `sql:${database}`, '-n', `anchor ${index}`, '-t', 'CT,CT,CT', '-a', '-i', file]);
    }
    const answers: PdfsigAnswer[] = [];
    for (const file of files) {
      const { stdout, stderr } = await runProgram('pdfsig', ['-nssdir', `sql:${database}`, '-no-ocsp', file]);
      answers.push({ file, ...readPdfsig(`${stdout.toString()}${stderr}`) });
    }
    return answers;
  } finally {
    await rm(database, { recursive: true });
  }
}

function readPdfsig(output: string): Omit<PdfsigAnswer, 'file'> {
  const signatures = output
    .split(/^Signature #\d+:$/m)
    .slice(1)
    .map((text) => ({
      signatureValid: text.includes('- Signature Validation: Signature is Valid.'),
      certificateTrusted: text.includes('- Certificate Validation: Certificate is Trusted.'),
      wholeDocument: text.includes('- Total document signed'),
    }));
  return { signatures, output };
}

async function certutil(args: readonly string[]): Promise<void> {
  const { status, stderr } = await runProgram('certutil', args);
  if (status !== 0) throw new Error(`certutil ${args[0] ?? ''} ended with ${status}: ${stderr}`);
}

/** `qpdf --check`: the structure of the PDF. A warning is not accepted. */
export async function qpdfCheck(file: string, password?: string): Promise<Judgement> {
  const { status, stdout, stderr } = await runProgram('qpdf', [
    '--check',
    ...(password === undefined ? [] : [`--password=${password}`]),
    '--',
    file,
  ]);
  return { accepted: status === 0, output: `${stdout.toString()}${stderr}` };
}
