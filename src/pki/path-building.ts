import { distinguishedName } from '../formats/x509.ts';
import { messageOf } from './findings.ts';
import { lacksParameters, workingKey } from './keys.ts';
import { CertificateIndex } from './trust.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Trust } from './trust.ts';

/** Longest path, leaf and anchor included. */
export const maxPathLength = 16;
/** Signatures that are tried for one certificate: a pool of many issuers of the same name must not cost more. */
const maxAttempts = 200;
/** Paths that are tried for one certificate. */
const maxPaths = 30;

/** A path from the certificate (first) to a trust anchor (last), signatures already verified where the keys are complete. */
export type Path = readonly [Certificate, ...Certificate[]];

/** Finds paths, best first, and remembers why it found none. */
export class PathBuilder {
  readonly #trust: Trust;
  readonly #pool: CertificateIndex;
  readonly #at: number;
  readonly #deadEnds = new Set<string>();
  #attempts = 0;

  /** @param pool certificates that came with what is judged @param at UTC ms: those valid then are tried first */
  constructor(trust: Trust, pool: readonly Certificate[], at: number) {
    this.#trust = trust;
    this.#pool = new CertificateIndex(pool);
    this.#at = at;
  }

  /** Why there was no path (any more), in plain words. */
  get deadEnds(): string[] {
    return [...this.#deadEnds];
  }

  /** All paths within the limits; each is worth validating. */
  *paths(certificate: Certificate): Generator<Path> {
    if (this.#trust.anchors.has(certificate)) yield [certificate];
    let count = 0;
    for (const path of this.#extend([certificate])) {
      yield path;
      if (++count >= maxPaths) {
        this.#deadEnds.add(`more than ${maxPaths} paths were possible`);
        return;
      }
    }
  }

  *#extend(path: Path): Generator<Path> {
    const last = path.at(-1) ?? path[0];
    const anchors = this.#issuers(last, this.#trust.anchors.named(last.issuer), path);
    for (const anchor of anchors) yield [...path, anchor];
    if (path.length >= maxPathLength - 1) {
      this.#deadEnds.add(`the chain is longer than ${maxPathLength} certificates`);
      return;
    }
    const known = [...this.#pool.named(last.issuer), ...this.#trust.certificates.named(last.issuer)];
    const candidates = known.filter((candidate) => !this.#trust.anchors.has(candidate));
    const issuers = this.#issuers(last, candidates, path);
    if (anchors.length === 0 && issuers.length === 0)
      this.#note(last, known.length > 0 || this.#trust.anchors.named(last.issuer).length > 0);
    for (const issuer of issuers) yield* this.#extend([...path, issuer]);
  }

  #note(last: Certificate, named: boolean): void {
    const [subject, issuer] = [distinguishedName(last.subject), distinguishedName(last.issuer)];
    if (last.selfIssued) this.#deadEnds.add(`"${subject}" is its own issuer and no trust anchor`);
    else if (named) this.#deadEnds.add(`the signature of "${subject}" does not verify with any known certificate of "${issuer}"`);
    else this.#deadEnds.add(`no certificate of the issuer "${issuer}" of "${subject}" is known`);
  }

  /** Candidates that signed the certificate, best first; none twice in a path (same name and key: RFC 4158 §5.2). */
  #issuers(certificate: Certificate, candidates: readonly Certificate[], path: Path): Certificate[] {
    const fresh = candidates.filter((candidate) => !path.some((known) => isSameEntity(known, candidate)));
    const ranked = [...new Set(fresh)].sort((a, b) => this.#rank(certificate, b) - this.#rank(certificate, a));
    return ranked.filter((candidate) => this.#signed(certificate, candidate));
  }

  #rank(certificate: Certificate, candidate: Certificate): number {
    const valid = candidate.notBefore <= this.#at && this.#at <= candidate.notAfter ? 2 : 0;
    return valid + (keyIdentifiersMatch(certificate, candidate) ? 4 : 0) + candidate.notBefore / 1e14;
  }

  #signed(certificate: Certificate, candidate: Certificate): boolean {
    if (this.#attempts >= maxAttempts) {
      this.#deadEnds.add('too many certificates of the same name');
      return false;
    }
    this.#attempts++;
    try {
      // A DSA key without parameters cannot be tried before its own issuer is known; the validation of the path does it.
      return lacksParameters(candidate) || this.#trust.cache.verifies(certificate, workingKey(candidate));
    } catch (error) {
      this.#deadEnds.add(`"${distinguishedName(candidate.subject)}": ${messageOf(error)}`);
      return false;
    }
  }
}

function isSameEntity(a: Certificate, b: Certificate): boolean {
  return a === b || (a.subject.equals(b.subject) && a.spki.equals(b.spki));
}

function keyIdentifiersMatch(certificate: Certificate, issuer: Certificate): boolean {
  try {
    const wanted = certificate.authorityKeyIdentifier?.keyIdentifier;
    return wanted !== undefined && issuer.subjectKeyIdentifier?.equals(wanted) === true;
  } catch {
    return false;
  }
}
