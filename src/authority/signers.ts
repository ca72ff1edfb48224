import { createPublicKey } from 'node:crypto';
import { SealError } from '../errors.ts';
import { writePkcs12 } from '../formats/pkcs12.ts';
import { lifetimes } from './create.ts';
import { issueFor } from './issue.ts';
import { generateKey } from './signing.ts';
import type { Effects } from '../ports/effects.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { KeyKind } from './signing.ts';

/** A signing key for the evaluation, as a software certificate. */
export interface NewSigner {
  /** PKCS#12 file. */
  readonly file: string;
  readonly kind: KeyKind;
  readonly commonName: string;
}

/**
 * Makes signing keys with certificates of the authority, each a PKCS#12 file (mode 0600) under one random passphrase. Files that exist are
 * kept, with their passphrase.
 * @param passphraseFile mode 0600
 * @returns paths that were written
 * @throws SealError SEAL-CONFIG-SECRET when there are key files without their passphrase, SEAL-DISK-*
 */
export async function createSigners(
  fx: Pick<Effects, 'clock' | 'files' | 'random'>,
  authority: EvaluationAuthority,
  passphraseFile: string,
  signers: readonly NewSigner[],
): Promise<string[]> {
  const missing: NewSigner[] = [];
  for (const signer of signers) if ((await fx.files.stat(signer.file)) === undefined) missing.push(signer);
  if (missing.length === 0) return [];
  const { passphrase, created } = await ensurePassphrase(fx, passphraseFile);
  try {
    for (const signer of missing) if (await createSigner(fx, authority, passphrase, signer)) created.push(signer.file);
    return created;
  } finally {
    passphrase.fill(0);
  }
}

/** The passphrase that is there (it belongs to key files already made), or a new one of 192 bits. */
async function ensurePassphrase(fx: Pick<Effects, 'files' | 'random'>, file: string): Promise<{ passphrase: Buffer; created: string[] }> {
  const drawn = Buffer.from(fx.random.bytes(24).toString('base64url'));
  const line = Buffer.concat([drawn, Buffer.from('\n')]);
  const written = await fx.files.claimDurable(file, line, 0o600);
  line.fill(0);
  if (written) return { passphrase: drawn, created: [file] };
  drawn.fill(0);
  const content = await fx.files.read(file, 4096);
  const end = content.at(-1) === 0x0a ? content.length - 1 : content.length;
  if (end === 0) {
    throw new SealError('SEAL-CONFIG-SECRET', 'the file for the passphrase is empty', {
      where: file,
      hint: 'remove it, and sealtree init draws a passphrase',
    });
  }
  return { passphrase: content.subarray(0, end), created: [] };
}

async function createSigner(
  fx: Pick<Effects, 'clock' | 'files' | 'random'>,
  authority: EvaluationAuthority,
  passphrase: Buffer,
  { file, kind, commonName }: NewSigner,
): Promise<boolean> {
  const privateKey = await generateKey(kind);
  const certificate = await issueFor(fx, authority, {
    publicKey: createPublicKey(privateKey),
    commonName,
    profile: 'signer',
    validity: lifetimes.signer,
  });
  const pkcs12 = await writePkcs12({
    privateKey,
    certificates: [certificate, authority.issuing.certificate],
    friendlyName: commonName,
    passphrase,
    random: (length) => fx.random.bytes(length),
  });
  return fx.files.claimDurable(file, pkcs12, 0o600);
}
