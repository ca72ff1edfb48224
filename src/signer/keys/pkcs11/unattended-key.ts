import { mechanismFor, requireMechanism } from './mechanisms.ts';
import { signerOf } from './pairing.ts';
import type { SigningKey } from '../../../ports/keys.ts';
import type { TokenKey } from './messages.ts';
import type { CardKey } from './individual.ts';
import type { Activation } from './state.ts';

const longestChunk = 64;

/** A key that signs without a person as long as its activation lasts: its PIN was given once, or is configured. */
export function unattendedKey(card: CardKey, activation: Activation, key: TokenKey): SigningKey {
  const { config, token, visible, certificate, extra } = card;
  const signer = signerOf(config.name, certificate, visible.certificates, extra);
  const individual = config.kind === 'individual' || key.alwaysAuthenticate;
  const counted = individual || config.maxSignatures !== undefined || config.sessions === 1;
  return {
    ...signer,
    concurrency: individual ? 1 : config.sessions,
    ...(individual ? {} : { queues: true as const }),
    chunk: counted ? 1 : Math.min(longestChunk, config.sessions * 8),
    supports: (algorithm) => mechanismFor(signer.keyType, algorithm, visible.mechanisms) !== undefined,
    sign: async (data, algorithm, { signal, request } = {}) => {
      signal?.throwIfAborted();
      const how = requireMechanism(config.name, signer.keyType, algorithm, visible.mechanisms);
      const asked = { key: key.handle, mechanism: how.call, input: how.input(data), ...(request === undefined ? {} : { request }) };
      return how.output(await token.sign(activation, asked, individual));
    },
  };
}
