import { asSealError, SealError } from '../errors.ts';
import { sha256 } from '../formats/digests.ts';
import { parseCertificate } from '../formats/x509.ts';
import { requestOf, type BatchDocument, type OpenIntent, type SignatureValue } from '../model/batch.ts';
import { checkSignature } from './check-signature.ts';
import { finishDocuments, recordDurably } from './finishing.ts';
import { signParameters } from './parameters.ts';
import type { Profile } from '../model/signature.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';
import type { Claimed } from '../ports/keys.ts';
import type { SigningOutcome } from '../ports/batch-store.ts';

export type ClaimEffects = Pick<Effects, 'clock' | 'documents' | 'keys' | 'log' | 'store'>;

/** What is needed to prepare a document once more. */
export interface ClaimJob {
  readonly profile: Profile;
  readonly spoolPath: Path;
  /** For encrypted documents; zeroed here. */
  readonly password?: Buffer;
}

type Made = Extract<Claimed, { kind: 'made' }>;

/**
 * Signatures that an earlier daemon asked for and did not record: where the key's process has outlived it, its value is taken over, and what was
 * never asked there is free again. A value counts only if it verifies over what is prepared anew. The rest is left to `settleDoubts`.
 * @param jobOf undefined: the batch cannot be signed any more
 * @returns how many values were taken over
 * @throws SealError SEAL-STORE-*, SEAL-DISK-*
 */
export async function claimSignatures(
  fx: ClaimEffects,
  jobOf: (document: BatchDocument) => Promise<ClaimJob | undefined>,
): Promise<number> {
  const open = await fx.store.openIntents();
  let taken = 0;
  for (const source of fx.keys) {
    const own = open.filter(({ key }) => key === source.name);
    if (source.claim === undefined || own.length === 0) continue;
    const requests = own.map((intent) => ({ request: requestOf(intent), at: intent.at }));
    try {
      const claims = await source.claim(requests);
      const outcomes = await Promise.all(own.map(async (intent) => await outcomeOf(fx, jobOf, intent, claims.get(requestOf(intent)))));
      const known = outcomes.filter((outcome) => outcome !== undefined);
      await recordDurably(fx, known.length, () => fx.store.recordOutcomes(known));
      taken += known.filter((outcome) => !('error' in outcome)).length;
      source.recorded?.(requests.map(({ request }) => request));
    } catch (thrown) {
      const error = asSealError(thrown);
      if (error.code.startsWith('SEAL-STORE-') || error.code.startsWith('SEAL-DISK-')) throw error;
      fx.log.warn({ key: source.name, error: error.toJSON() }, 'signatures of an earlier run cannot be asked for');
    }
  }
  if (taken > 0) fx.log.info({ signatures: taken }, 'signatures that were in progress when the daemon ended were taken over');
  return taken;
}

/** Undefined: in doubt. */
async function outcomeOf(
  fx: ClaimEffects,
  jobOf: (document: BatchDocument) => Promise<ClaimJob | undefined>,
  intent: OpenIntent,
  claimed: Claimed | undefined,
): Promise<SigningOutcome | undefined> {
  if (claimed === undefined) return undefined;
  const place = { intent: intent.id, document: intent.document };
  if (claimed.kind === 'never') {
    const error = new SealError('SEAL-INTERRUPTED', 'the daemon ended before the key was asked', { retryable: true });
    return { ...place, error: error.toJSON(), again: true, spent: false };
  }
  const document = await fx.store.document(intent.document);
  const job = document === undefined ? undefined : await jobOf(document);
  if (document === undefined || job === undefined) return undefined;
  const value = await fitting(fx, job, document, intent, claimed).finally(() => job.password?.fill(0));
  if (value === undefined) return undefined;
  if (job.profile.level !== 'B-B') return { ...place, value };
  const [finished] = await finishDocuments(fx, { profile: job.profile, spoolPath: () => job.spoolPath }, [{ document, value }]);
  return finished !== undefined && 'signature' in finished ? { ...place, signature: finished.signature } : undefined;
}

/** The value with what was signed; undefined when it is the signature of something else: another profile, certificate or document. */
async function fitting(
  fx: Pick<ClaimEffects, 'documents' | 'log'>,
  { profile, spoolPath, password }: ClaimJob,
  document: BatchDocument,
  { signingTime, key }: OpenIntent,
  { value, signer }: Made,
): Promise<SignatureValue | undefined> {
  const parameters = signParameters(profile, signer, document, signingTime, password);
  const [prepared] = await fx.documents.prepare([{ path: spoolPath, digests: document.digests, format: profile.format, parameters }]);
  if (prepared?.ok !== true) return undefined;
  const certificate = signer.chain[0] ?? Buffer.alloc(0);
  const padding = signer.keyType.type === 'rsa-pss' ? 'pss' : profile.padding;
  const algorithm = signer.keyType.type === 'ec' ? { digest: profile.digest } : { digest: profile.digest, padding };
  try {
    const publicKey = parseCertificate(certificate).publicKey();
    await checkSignature(key, publicKey, algorithm, prepared.value.signature.toBeSigned, value);
  } catch {
    fx.log.warn({ key, document: document.id }, 'a signature of an earlier run does not fit what would be signed now: it is in doubt');
    return undefined;
  }
  return { key, certificate: sha256(certificate), signingTime, prepared: prepared.value, value };
}
