import { endStrays } from './pkcs11/adopt.ts';
import { cardId } from './pkcs11/host.ts';
import { pkcs11Sources } from './pkcs11/sources.ts';
import { pkcs11Management } from './pkcs11/management/management.ts';
import { pkcs12Management } from './pkcs12-management.ts';
import { pkcs12Source } from './pkcs12.ts';
import type { KeyEffects, ManagementEffects } from './effects.ts';
import type { KeyManagement } from '../../ports/key-management.ts';
import type { KeyConfig } from '../../model/config.ts';
import type { KeySource } from '../../ports/keys.ts';

export type { KeyEffects } from './effects.ts';

/**
 * The key sources of a configuration, in its order, not yet opened: the one list of the kinds there are. The keys of a kind are made together,
 * because keys on one card share its process.
 */
export function keySources(configs: readonly KeyConfig[], fx: KeyEffects): KeySource[] {
  const made = [...of('pkcs12', configs).map((config) => pkcs12Source(config, fx)), ...pkcs11Sources(of('pkcs11', configs), fx)];
  const byName = new Map(made.map((source) => [source.name, source]));
  return configs.flatMap(({ name }) => byName.get(name) ?? []);
}

/** Ends card processes of an earlier daemon whose keys are not configured any more. */
export async function endForgottenCards(configs: readonly KeyConfig[], fx: Pick<KeyEffects, 'clock' | 'log' | 'runDir'>): Promise<void> {
  await endStrays(fx, fx.runDir, new Set(of('pkcs11', configs).map(cardId)));
}

/** Where a key of the configuration is made and gets its certificate. */
export function keyManagement(config: KeyConfig, fx: ManagementEffects): KeyManagement {
  return config.source === 'pkcs12' ? pkcs12Management(config, fx) : pkcs11Management(config, fx);
}

function of<S extends KeyConfig['source']>(source: S, configs: readonly KeyConfig[]): Extract<KeyConfig, { source: S }>[] {
  return configs.filter((config): config is Extract<KeyConfig, { source: S }> => config.source === source);
}
