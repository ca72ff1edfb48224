import type { VerifyInput } from '../../../src/verify/verify.ts';
import type { TestAuthority } from '../../support/authority.ts';

/** What the verifier has besides the file: anchors, other certificates, revocation data. DER. */
export interface Trust {
  readonly anchors: readonly Buffer[];
  /** Known and not trusted. */
  readonly certificates: readonly Buffer[];
  readonly crls: readonly Buffer[];
  /** BasicOCSPResponse. */
  readonly ocsps: readonly Buffer[];
  /** UTC ms. */
  readonly at: number;
}

export type Kind = 'cms' | 'pdf' | 'token' | 'record';

/** One file that must not pass, or a sound one beside it that must. */
export interface Attack {
  /** Row of the table: says what was done. */
  readonly name: string;
  readonly kind: Kind;
  readonly file: Buffer;
  /** Beside the file, by name. */
  readonly documents?: Readonly<Record<string, Buffer>>;
  readonly digests?: VerifyInput['digests'];
  readonly trust: Trust;
  /** What EN 319 102-1 demands as the file's word, and why: `TOTAL-FAILED HASH_FAILURE`. */
  readonly demanded: string;
  /** Why a foreign judge says otherwise, or why something odd passes. */
  readonly note?: string;
}

/** What a stranger has who trusts an authority and has its fresh CRLs. */
export function trustIn(authority: TestAuthority, more: Partial<Trust> = {}): Trust {
  return { anchors: [authority.root.certificate], certificates: [], crls: authority.crls(), ocsps: [], at: authority.now(), ...more };
}

/** Collects the attacks of one kind that share trust; what differs is given along. */
export function collector(kind: Kind, trust: Trust) {
  const attacks: Attack[] = [];
  type More = Partial<Pick<Attack, 'documents' | 'digests' | 'note' | 'trust' | 'kind'>>;
  const add = (name: string, demanded: string, file: Buffer, more: More = {}): void => {
    attacks.push({ name, kind, file, trust, demanded, ...more });
  };
  return { attacks, add };
}
