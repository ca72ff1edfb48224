import { parseTimestampToken } from '../formats/tsp.ts';
import { oids } from '../formats/oids.ts';
import { distinguishedName, parseCertificate } from '../formats/x509.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Effects } from '../ports/effects.ts';
import type { KeyView } from './keys.ts';
import { isoTime } from './views.ts';

const day = 86_400_000;
/** Days before its end at which a certificate is told of, each once. */
const stages = [1, 7, 14, 30, 60];
/** Trees whose tokens are looked at for the certificates of their authorities. */
const recentTrees = 4;

/** A certificate that ends soon. */
export interface CertificateEnd {
  /** `key seal`, `tsa trustcentre` */
  readonly owner: string;
  readonly subject: string;
  readonly serialNumber: string;
  readonly notAfter: string;
  /** Whole days; negative when it has ended. */
  readonly daysLeft: number;
  /** The stage that is reached: 60, 30, 14, 7, 1, or 0 when it has ended. */
  readonly stage: number;
}

/** What `status` shows of the certificate that an authority signs its timestamps with. */
export interface TsaCertificate {
  readonly subject: string;
  readonly serialNumber: string;
  readonly notAfter: string;
  readonly daysLeft: number;
}

/** Whose certificates are looked at. */
interface Certificates {
  readonly keys: readonly Pick<KeyView, 'name' | 'certificate'>[];
  readonly tsas: readonly { readonly name: string; readonly certificate?: TsaCertificate }[];
}

/** Certificates of keys and authorities that end within 60 days, the first end first. @param now UTC ms */
export function certificateEnds({ keys, tsas }: Certificates, now: number): CertificateEnd[] {
  const owned: (readonly [string, Pick<NonNullable<KeyView['certificate']>, 'subject' | 'serialNumber' | 'notAfter'> | undefined])[] = [
    ...keys.map(({ name, certificate }) => [`key ${name}`, certificate] as const),
    ...tsas.map(({ name, certificate }) => [`tsa ${name}`, certificate] as const),
  ];
  return owned
    .flatMap(([owner, certificate]) => {
      const left = certificate === undefined ? Infinity : Date.parse(certificate.notAfter) - now;
      const stage = left < 0 ? 0 : stages.find((days) => left <= days * day);
      if (certificate === undefined || stage === undefined) return [];
      const { subject, serialNumber, notAfter } = certificate;
      return [{ owner, subject, serialNumber, notAfter, daysLeft: Math.floor(left / day), stage }];
    })
    .sort((a, b) => (a.notAfter < b.notAfter ? -1 : 1));
}

/** One sentence for `status`, log and notification. */
export function describeEnd({ owner, subject, daysLeft, notAfter }: CertificateEnd): string {
  const when = daysLeft < 0 ? `has ended on ${notAfter}` : `ends in ${daysLeft === 1 ? '1 day' : `${daysLeft} days`}, on ${notAfter}`;
  return `${owner}: its certificate ${when} (${subject})`;
}

/** Writes a line into the log for each stage that a certificate has reached, once, over restarts too. */
export async function logEnds(fx: Pick<Effects, 'log' | 'store'>, ends: readonly CertificateEnd[]): Promise<void> {
  for (const end of ends) {
    const meta = `certificate-stage.${end.owner}`;
    const reached = `${end.serialNumber}:${end.stage}`;
    if ((await fx.store.meta(meta)) === reached) continue;
    fx.log.warn({ ...end, hint: 'get a new one, and put it in place: it takes over by itself' }, describeEnd(end));
    await fx.store.setMeta(meta, reached);
  }
}

/** The certificates that authorities signed with lately, by their names: out of the newest tokens of the archive. */
export async function tsaCertificates({ store }: Pick<Effects, 'store'>, now: number): Promise<ReadonlyMap<string, TsaCertificate>> {
  const found = new Map<string, TsaCertificate>();
  for (const tree of await store.trees({ states: ['anchored'], newestFirst: true, limit: recentTrees })) {
    for (const { tsa, token } of await store.tokens(tree.id)) {
      const certificate = found.has(tsa) ? undefined : signerOf(token);
      if (certificate !== undefined) found.set(tsa, describe(certificate, now));
    }
  }
  return found;
}

/** The one among the token's certificates that is made for timestamps. */
function signerOf(token: Buffer): Certificate | undefined {
  try {
    const certificates = parseTimestampToken(token).cms.certificates.map((der) => parseCertificate(der));
    return certificates.find(({ extendedKeyUsage }) => extendedKeyUsage?.includes(oids.timeStamping) === true);
  } catch {
    return undefined;
  }
}

function describe({ subject, serialNumber, notAfter }: Certificate, now: number): TsaCertificate {
  return {
    subject: distinguishedName(subject),
    serialNumber: serialNumber.toString('hex'),
    notAfter: isoTime(notAfter),
    daysLeft: Math.floor((notAfter - now) / day),
  };
}
