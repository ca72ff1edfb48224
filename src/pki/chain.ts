import { ChainValidation, readable } from './chain-validation.ts';
import type { Certificate } from '../formats/x509.ts';
import type { ChainInputs, ChainResult, Pool } from './chain-validation.ts';
import type { Trust } from './trust.ts';

export type { ChainInputs, ChainResult, Pool } from './chain-validation.ts';

const remembered = new WeakMap<Trust, Map<string, ChainResult>>();
const rememberedLimit = 4096;

/**
 * Validates a certificate: builds paths to the trust anchors (RFC 5280 §6.1), judges dates, constraints, policies, purpose and algorithms, and
 * revocation as the trust demands (§6.3, RFC 6960); the first path that convinces counts (EN 319 102-1 §5.2.6). Never throws for a bad
 * certificate. A repeated question is answered from memory while nothing can have changed.
 */
export function validateChain(certificate: Certificate, pool: Pool, inputs: ChainInputs): ChainResult {
  const results = remembered.get(inputs.trust) ?? new Map<string, ChainResult>();
  remembered.set(inputs.trust, results);
  const key = questionKey(certificate, pool, inputs);
  const known = results.get(key);
  if (known !== undefined && known.from <= inputs.at && inputs.at < known.until) return known;
  const result = new ChainValidation(pool, inputs, new Set()).run(certificate);
  if (results.size >= rememberedLimit) results.clear();
  results.set(key, result);
  return result;
}

function questionKey(certificate: Certificate, pool: Pool, { trust, purpose, policies, freshAfter }: ChainInputs): string {
  const parts = [certificate.sha256, ...pool.certificates.map(({ sha256 }) => sha256)];
  for (const der of pool.crls ?? []) parts.push(...readable(() => trust.cache.crl(der).sha256));
  for (const der of pool.ocsps ?? []) parts.push(...readable(() => trust.cache.ocsp(der).sha256));
  return `${purpose.name}|${freshAfter ?? ''}|${policies === undefined ? '' : JSON.stringify(policies)}|${Buffer.concat(parts).toString('latin1')}`;
}
