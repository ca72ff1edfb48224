import { basename } from 'node:path';
import { cardId } from './host.ts';
import { Readers } from './readers.ts';
import { Pkcs11Source } from './source.ts';
import { Token } from './token.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { KeySource } from '../../../ports/keys.ts';
import type { KeyEffects } from '../effects.ts';
import type { TokenConfig } from './token.ts';

/** Keys on PKCS#11 tokens; keys of one token share its card process and its activation, tokens of one module its readers. */
export function pkcs11Sources(configs: readonly Pkcs11KeyConfig[], fx: KeyEffects): KeySource[] {
  const tokens = new Map<string, Token>();
  const readers = new Map<string, Readers>();
  return configs.map((config) => {
    const id = cardId(config);
    const onToken = configs.filter((other) => cardId(other) === id);
    const token = tokens.get(id) ?? new Token(tokenConfig(onToken, config), readersOf(config, readers, fx), fx);
    tokens.set(id, token);
    return new Pkcs11Source(config, token, fx);
  });
}

function readersOf(config: Pkcs11KeyConfig, made: Map<string, Readers>, fx: KeyEffects): Readers {
  const { module, environment, timeout } = config;
  const readers = made.get(moduleId(config)) ?? new Readers({ name: basename(module), module, environment, timeout }, fx);
  made.set(moduleId(config), readers);
  return readers;
}

function moduleId({ module, environment }: Pkcs11KeyConfig): string {
  return JSON.stringify([module, Object.entries(environment).sort()]);
}

/** The most careful of what the keys of a token say. */
function tokenConfig(keys: readonly Pkcs11KeyConfig[], first: Pkcs11KeyConfig): TokenConfig {
  const { name, module, token, environment, certificate, key, keyUsage, minRemaining, activation } = first;
  const pin = keys.find((key) => key.pin !== undefined)?.pin;
  const times = keys.flatMap(({ maxTime }) => (maxTime === undefined ? [] : [maxTime]));
  return {
    name,
    module,
    token,
    key,
    keyUsage,
    minRemaining,
    environment,
    sessions: Math.max(...keys.map(({ sessions }) => sessions)),
    timeout: Math.max(...keys.map(({ timeout }) => timeout)),
    keepAlive: Math.min(...keys.map((each) => each.keepAlive)),
    ...(certificate === undefined ? {} : { certificate }),
    ...(activation === undefined ? {} : { activation }),
    ...(keys.some((each) => each.kind === 'individual' && each.pin === undefined) ? { individual: true as const } : {}),
    ...(pin === undefined ? {} : { pin }),
    ...(times.length === 0 ? {} : { maxTime: Math.min(...times) }),
  };
}
