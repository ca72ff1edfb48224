import type { Config } from '../model/config.ts';
import type { App } from './context.ts';

/** What a stop costs: cards that stay active for the next daemon, and those that a person must activate again. */
export function tellCards({ fx, config }: App): void {
  const active = fx.keys.map((key) => key.status()).filter(({ activation }) => activation !== undefined);
  const stay = active.filter(({ activation }) => activation?.outlives === true).map(({ name }) => name);
  const lost = active
    .filter(({ name, activation }) => activation?.outlives !== true && needsPerson(config.keys[name]))
    .map(({ name }) => name);
  if (stay.length > 0)
    fx.log.info({ keys: stay }, `${stay.length} ${stay.length === 1 ? 'card stays' : 'cards stay'} active for the next daemon`);
  if (lost.length > 0)
    fx.log.warn({ keys: lost }, `${lost.length} ${lost.length === 1 ? 'card needs its PIN' : 'cards need their PINs'} at the next start`);
}

function needsPerson(key: Config['keys'][string] | undefined): boolean {
  return key?.source === 'pkcs11' && key.pin === undefined;
}
