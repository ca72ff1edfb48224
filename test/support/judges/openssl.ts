import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram, type ProgramResult } from './program.ts';

/** What a foreign program says. */
export interface Judgement {
  readonly accepted: boolean;
  /** Everything it printed. */
  readonly output: string;
}

export interface OpensslTrust {
  /** PEM. */
  readonly anchors: string;
  /** DER or PEM; with them every certificate of the chain but the anchor must have one. */
  readonly crls?: readonly string[];
  /** PEM. */
  readonly intermediates?: string;
}

export interface CmsJudgement extends Judgement {
  /** The content that was signed. */
  readonly content: Buffer;
}

/**
 * `openssl cms -verify -purpose any` (its default purpose refuses documentSigning).
 * @param document of a detached signature
 */
export async function opensslCms(signature: string, trust: OpensslTrust, document?: string): Promise<CmsJudgement> {
  return await withTrust(trust, async (options) => {
    const result = await runProgram('openssl', [
      ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', signature, '-purpose', 'any'],
      ...(document === undefined ? [] : ['-content', document]),
      ...options,
    ]);
    return { ...judged(result), output: result.stderr, content: result.stdout };
  });
}

/** `openssl ts -verify` of a DER TimeStampToken over a file or a digest (hexadecimal). */
export async function opensslTs(
  token: string,
  over: { readonly data: string } | { readonly digest: string },
  trust: OpensslTrust,
): Promise<Judgement> {
  const subject = 'data' in over ? ['-data', over.data] : ['-digest', over.digest];
  const untrusted = trust.intermediates === undefined ? [] : ['-untrusted', trust.intermediates];
  return judged(
    await runProgram('openssl', ['ts', '-verify', '-token_in', '-in', token, ...subject, '-CAfile', trust.anchors, ...untrusted]),
  );
}

function judged({ status, stdout, stderr }: ProgramResult): Judgement {
  return { accepted: status === 0, output: `${stdout.toString('latin1')}${stderr}` };
}

/** `openssl cms` takes CRLs only from a hashed directory beside the anchors. */
async function withTrust<T>(trust: OpensslTrust, use: (options: string[]) => Promise<T>): Promise<T> {
  const options = [...['-CAfile', trust.anchors], ...(trust.intermediates === undefined ? [] : ['-certfile', trust.intermediates])];
  if (trust.crls === undefined) return await use(options);
  const directory = await mkdtemp(join(tmpdir(), 'sealtree-capath-'));
  try {
    for (const [index, crl] of trust.crls.entries()) await writeFile(join(directory, `${index}.pem`), await pemCrl(crl));
    await runProgram('openssl', ['rehash', directory]);
    return await use([...options, '-CApath', directory, '-crl_check_all']);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function pemCrl(file: string): Promise<string> {
  const bytes = await readFile(file);
  if (bytes[0] !== 0x30) return bytes.toString('latin1');
  return `-----BEGIN X509 CRL-----\n${(bytes.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END X509 CRL-----\n`;
}
