import { distinguishedName, parseCertificate } from '../formats/x509.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Effects } from '../ports/effects.ts';
import type { KeyView } from './keys.ts';
import { isoTime } from './views.ts';

const day = 86_400_000;
/** Days before its end at which a certificate is told of, each once. */
const stages = [1, 7, 14, 30, 60];

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
      const stage = stageOf(left);
      if (certificate === undefined || stage === undefined) return [];
      const { subject, serialNumber, notAfter } = certificate;
      return [{ owner, subject, serialNumber, notAfter, daysLeft: Math.floor(left / day), stage }];
    })
    .sort((a, b) => (a.notAfter < b.notAfter ? -1 : 1));
}

/** @param left ms until something ends @returns the stage that is reached: 60, 30, 14, 7, 1 days, or 0; undefined before all of them */
export function stageOf(left: number): number | undefined {
  return left < 0 ? 0 : stages.find((days) => left <= days * day);
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

/** The certificates that authorities signed their last timestamps with, over signatures or trees, by their names. */
export async function tsaCertificates(
  { store }: Pick<Effects, 'store'>,
  tsas: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, TsaCertificate>> {
  const found = new Map<string, TsaCertificate>();
  for (const tsa of tsas) {
    const der = await store.tsaCertificate(tsa);
    if (der !== undefined) found.set(tsa, describe(parseCertificate(der), now));
  }
  return found;
}

function describe({ subject, serialNumber, notAfter }: Certificate, now: number): TsaCertificate {
  return {
    subject: distinguishedName(subject),
    serialNumber: serialNumber.toString('hex'),
    notAfter: isoTime(notAfter),
    daysLeft: Math.floor((notAfter - now) / day),
  };
}
