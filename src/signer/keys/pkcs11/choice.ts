import { nameMatcher } from '../../../formats/globs.ts';
import { distinguishedName, parseCertificate } from '../../../formats/x509.ts';
import { certificateProblem } from '../certificate.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { FoundToken } from './scout.ts';
import type { Judge } from './readers.ts';

/** What the configuration says about which card and which certificate a key means. */
export type KeyChoice = Pick<Pkcs11KeyConfig, 'token' | 'certificate' | 'key' | 'keyUsage' | 'minRemaining'>;

/** How well a token fits: one that is configured by name; of several for `any` the one that was used before, then one that may sign now. */
const rank = { named: 1, expired: 1, fits: 2, before: 3 } as const;

/**
 * Judges tokens for a key.
 * @param now UTC ms @param before serial number of the token that the key had before
 */
export function judgeFor(choice: KeyChoice, now: number, before: string | undefined): Judge {
  const { token } = choice;
  if (token === 'any') return (found) => judgeAny(choice, found, now, before);
  const reader = token.reader === undefined ? undefined : nameMatcher(token.reader);
  return ({ label, serial, slot, reader: in_ }) => {
    if (token.label !== undefined && token.label !== label) return 0;
    if (token.serial !== undefined && token.serial !== serial) return 0;
    if (token.slot !== undefined && token.slot !== slot) return 0;
    return reader === undefined || reader(Buffer.from(in_)) ? rank.named : 0;
  };
}

function judgeAny(choice: KeyChoice, { certificates, serial }: FoundToken, now: number, before: string | undefined): number {
  const own = certificates.flatMap(({ der, id, label }) => {
    if (choice.key.id !== undefined && id.toString('hex') !== choice.key.id.toLowerCase()) return [];
    if (choice.key.label !== undefined && choice.key.label !== label) return [];
    const certificate = readable(der);
    return certificate !== undefined && fitsCertificate(choice, certificate) ? [certificate] : [];
  });
  if (own.length === 0) return 0;
  if (serial === before) return rank.before;
  return own.some((certificate) => certificateProblem(certificate, choice, now) === undefined) ? rank.fits : rank.expired;
}

/**
 * Whether a certificate is one that the key may have: subject and issuer match the patterns; with `token: any` it must say itself that it is meant for
 * signatures (contentCommitment, RFC 5280 §4.2.1.3), so that no authentication key is ever picked.
 */
export function fitsCertificate(
  { token, certificate: wanted }: Pick<KeyChoice, 'token' | 'certificate'>,
  certificate: Certificate,
): boolean {
  if (wanted?.subject !== undefined && !nameMatcher(wanted.subject)(Buffer.from(distinguishedName(certificate.subject)))) return false;
  if (wanted?.issuer !== undefined && !nameMatcher(wanted.issuer)(Buffer.from(distinguishedName(certificate.issuer)))) return false;
  return token !== 'any' || signs(certificate);
}

function signs(certificate: Certificate): boolean {
  try {
    return certificate.keyUsage?.has('contentCommitment') === true;
  } catch {
    return false;
  }
}

function readable(der: Buffer): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}
