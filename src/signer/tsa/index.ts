import { httpAuthority } from './http.ts';
import type { TsaEffects } from './http.ts';
import type { TsaConfig } from '../../model/config.ts';
import type { Trust } from '../../pki/trust.ts';
import type { TimestampAuthority } from '../../ports/tsa.ts';

export type { TsaEffects } from './http.ts';

/**
 * The timestamp authorities of a configuration by name; all speak RFC 3161 over HTTP.
 * @param trust against which each token is judged before it is believed
 */
export function timestampAuthorities(fx: TsaEffects, configs: readonly TsaConfig[], trust: Trust): ReadonlyMap<string, TimestampAuthority> {
  return new Map(configs.map((config) => [config.name, httpAuthority(fx, config, trust)]));
}
