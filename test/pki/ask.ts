import { validateChain } from '../../src/pki/chain.ts';
import { purposes } from '../../src/pki/purposes.ts';
import { openTrust } from '../../src/pki/trust.ts';
import { noon } from '../support/pki.ts';
import type { ChainInputs, ChainResult, Pool } from '../../src/pki/chain.ts';
import type { TrustOptions } from '../../src/pki/trust.ts';
import type { Entity } from '../support/pki.ts';

export interface Question extends Partial<Pick<ChainInputs, 'at' | 'purpose' | 'policies' | 'freshAfter'>> {
  readonly anchors: readonly Entity[];
  readonly pool?: readonly Entity[];
  readonly crls?: readonly Buffer[];
  readonly ocsps?: readonly Buffer[];
  /** Default: `require` when there is revocation data, else `none`. */
  readonly mode?: TrustOptions['revocationMode'];
  readonly options?: Partial<TrustOptions>;
  /** Revocation data that came with the document instead of the configuration. */
  readonly embedded?: Pick<Pool, 'crls' | 'ocsps'>;
}

/** Validates one certificate in a trust made for it. */
export function ask(leaf: Entity, question: Question): ChainResult {
  const { anchors, at = noon, crls = [], embedded, freshAfter, ocsps = [], policies, pool = [], purpose = purposes.any } = question;
  const some = crls.length + ocsps.length > 0;
  const trust = openTrust({
    anchors: anchors.map(({ certificate }) => certificate.der),
    certificates: [],
    revocation: { crls, ocsps, failures: [] },
    revocationMode: question.mode ?? (some ? 'require' : 'none'),
    ...question.options,
  });
  const certificates = pool.map(({ certificate }) => certificate);
  return validateChain(
    leaf.certificate,
    { certificates, ...embedded },
    { trust, at, purpose, ...(policies === undefined ? {} : { policies }), ...(freshAfter === undefined ? {} : { freshAfter }) },
  );
}

/** `PASSED`, or the sub-indication. */
export function verdict(leaf: Entity, question: Question): string {
  const { indication, subIndication } = ask(leaf, question).report;
  return subIndication ?? indication;
}
