import { sha256 } from '../formats/digests.ts';
import type { Verified } from '../ports/documents.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationData } from '../ports/revocation.ts';

type Wanted = Verified['wanted'][number];

interface Known {
  readonly data: RevocationData;
  /** UTC ms */
  readonly at: number;
}

/** Revocation data that was asked for, by certificate: the same few certificates sign thousands of documents. */
export class KnownRevocation {
  readonly #fx: Pick<Effects, 'clock' | 'revocation'>;
  readonly #maxAge: number;
  readonly #known = new Map<string, Known>();
  /** Everything known; the same object while nothing changes. */
  #all: RevocationData | undefined;

  /** @param maxAge ms that an answer is used, and that what it says may be old */
  constructor(fx: Pick<Effects, 'clock' | 'revocation'>, maxAge: number) {
    this.#fx = fx;
    this.#maxAge = maxAge;
  }

  /** Asks for these certificates. @returns what was tried and failed @throws the signal's reason */
  async ask(wanted: Iterable<Wanted>, signal?: AbortSignal): Promise<readonly string[]> {
    const { clock, revocation } = this.#fx;
    const failures: string[] = [];
    for (const { certificate, issuer } of wanted) {
      const data = await revocation.find(certificate, issuer, clock.now() - this.#maxAge, signal);
      this.#known.set(fingerprint(certificate), { data, at: clock.now() });
      this.#all = undefined;
      failures.push(...data.failures);
    }
    return [...new Set(failures)];
  }

  /** Whether an answer about the certificate is known that is young enough. */
  has(certificate: Buffer): boolean {
    this.#forget();
    return this.#known.has(fingerprint(certificate));
  }

  /**
   * Everything that is known, or what is known of some certificates; each CRL and OCSP answer once. Everything is the same object as long as
   * nothing changes, so that who keeps it need not compare.
   */
  data(certificates?: readonly Buffer[]): RevocationData {
    this.#forget();
    if (certificates !== undefined) return joined(certificates.flatMap((certificate) => this.#known.get(fingerprint(certificate)) ?? []));
    this.#all ??= joined([...this.#known.values()]);
    return this.#all;
  }

  #forget(): void {
    const oldest = this.#fx.clock.now() - this.#maxAge;
    for (const [key, { at }] of this.#known) {
      if (at >= oldest) continue;
      this.#known.delete(key);
      this.#all = undefined;
    }
  }
}

function joined(known: readonly Known[]): RevocationData {
  return {
    crls: unique(known.flatMap(({ data }) => data.crls)),
    ocsps: unique(known.flatMap(({ data }) => data.ocsps)),
    failures: [],
  };
}

/** Tells certificates, CRLs and answers apart. */
export function fingerprint(der: Buffer): string {
  return sha256(der).toString('latin1');
}

export function unique(items: readonly Buffer[]): Buffer[] {
  return [...new Map(items.map((der) => [fingerprint(der), der])).values()];
}
