import { SealError } from '../errors.ts';
import { readPem } from '../formats/pem.ts';
import { distinguishedName, parseCertificate } from '../formats/x509.ts';
import type { Certificate } from '../formats/x509.ts';
import { PathBuilder } from '../pki/path-building.ts';
import type { Trust } from '../pki/trust.ts';
import type { Call } from './context.ts';
import { remedy } from './attention.ts';
import { keyConfig, withFreeKey, type ManagementService } from './key-management.ts';
import { keySource, keyView, type KeyView } from './keys.ts';
import type { Service } from './service.ts';
import { isoTime } from './views.ts';

export interface ImportArgs {
  readonly name: string;
  /** Files with certificates, PEM or DER, in Base64. */
  readonly files: readonly string[];
}

export interface ImportView {
  readonly name: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notAfter: string;
  /** Subjects of what lies beside the key now and did not before. */
  readonly stored: readonly string[];
  /** What will stand in the way of signing. */
  readonly warnings: readonly string[];
  readonly key: KeyView;
}

const maxCertificates = 32;

/**
 * `key import`: the answer of the authority goes to its key, with the chain; what lay there stays. That the certificate is one of this key is checked first.
 * @throws SealError SEAL-INPUT-INVALID, SEAL-KEY-MISMATCH when no certificate belongs to the key, SEAL-KEY-*
 */
export async function importCertificate(
  service: ManagementService & Pick<Service, 'trust'>,
  { name, files }: ImportArgs,
  call: Pick<Call, 'actor' | 'secret'>,
): Promise<ImportView> {
  const config = keyConfig(service, name);
  const certificates = readAll(files);
  const { app } = service;
  const imported = await withFreeKey(service, name, call, async (pin) => {
    const key = await app.manageKey(config).open(pin);
    try {
      const own = certificates.filter(({ spki }) => spki.equals(key.spki)).sort((a, b) => b.notAfter - a.notAfter);
      const [newest] = own;
      if (newest === undefined) throw mismatch(name, certificates);
      // Anchors are trusted because the configuration names them, not because they lie beside a key.
      const issuers = certificates.filter((certificate) => !own.includes(certificate) && !certificate.selfIssued);
      const der = (all: readonly Certificate[]): Buffer[] => all.map((certificate) => certificate.der);
      await key.store(der(own), der(issuers));
      const stored = [...own, ...issuers].filter((one) => !key.certificates.some((held) => held.equals(one.der)));
      return { newest, pool: [...certificates, ...key.certificates.map(parseCertificate)], stored };
    } finally {
      await key.close();
    }
  });
  const { newest, pool, stored } = imported;
  const view = {
    subject: distinguishedName(newest.subject),
    issuer: distinguishedName(newest.issuer),
    notAfter: isoTime(newest.notAfter),
    stored: stored.map(({ subject }) => distinguishedName(subject)),
  };
  const { clock, store } = app.fx;
  const details = { key: name, ...view, sha256: newest.sha256.toString('hex') };
  await store.audit({ at: clock.now(), actor: call.actor, action: 'key-certificate-imported', details });
  const key = await keyView(app, keySource(app, name));
  return { name, ...view, warnings: [...pathWarnings(newest, pool, await service.trust(), clock.now()), ...keyWarnings(key)], key };
}

function readAll(files: readonly string[]): Certificate[] {
  const all = files.flatMap((text) => readPem(Buffer.from(text, 'base64'))).map(parseCertificate);
  if (all.length > 0 && all.length <= maxCertificates) return all;
  throw new SealError(
    'SEAL-INPUT-INVALID',
    all.length === 0 ? 'the files hold no certificate' : `more than ${maxCertificates} certificates`,
    {
      hint: 'give the certificate and its chain as PEM or DER, as the authority sent them',
    },
  );
}

function mismatch(name: string, certificates: readonly Certificate[]): SealError {
  const subjects = certificates.map(({ subject }) => distinguishedName(subject)).join('; ');
  return new SealError('SEAL-KEY-MISMATCH', `${name}: none of these certificates belongs to the key: ${subjects}`, {
    where: name,
    hint: `nothing was changed; give the certificate that was issued for the request of “sealtree key csr ${name}”`,
  });
}

/** Whether a path leads to an anchor. */
function pathWarnings(certificate: Certificate, pool: readonly Certificate[], trust: Trust, now: number): string[] {
  const builder = new PathBuilder(trust, pool, now);
  for (const path of builder.paths(certificate)) {
    const invalid = path.filter(({ notBefore, notAfter }) => now < notBefore || now > notAfter);
    return invalid.map(({ subject }) => `“${distinguishedName(subject)}” is not valid today`);
  }
  const why = builder.deadEnds.join('; ');
  return [
    `its chain leads to no trust anchor: ${why}. Import the missing certificate as well, or add the authority’s root to trust.anchors; until then no signature is released`,
  ];
}

/** Key usage, dates, qualified certificates of persons: the key's own judgement. */
function keyWarnings({ error }: KeyView): string[] {
  if (error?.code !== 'SEAL-KEY-CERTIFICATE' && error?.code !== 'SEAL-KEY-MISMATCH') return [];
  return [`${error.message}${remedy(error.hint)}`];
}
