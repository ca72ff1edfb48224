import { SealError } from '../../../errors.ts';
import { mechanismFor, requireMechanism } from './mechanisms.ts';
import { pairKey, signerOf } from './pairing.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { SigningKey } from '../../../ports/keys.ts';
import type { SigningDesk } from './desk.ts';
import type { Visible } from './state.ts';
import type { Token } from './token.ts';

/** A configured key with what its token shows and the certificate that is used, as far as it can be told before the PIN. */
export interface CardKey {
  readonly config: Pkcs11KeyConfig;
  readonly token: Token;
  readonly visible: Visible;
  readonly certificate: Certificate;
  /** DER certificates from files. */
  readonly extra: readonly Buffer[];
}

/**
 * A key whose card asks its PIN for each signature, from a person who has seen the document: logged in for this one signature, logged out after it.
 */
export function individualKey(card: CardKey, desk: SigningDesk, clock: Pick<Clock, 'now'>): SigningKey {
  const { config, token, visible, certificate, extra } = card;
  const signer = signerOf(config.name, certificate, visible.certificates, extra);
  return {
    ...signer,
    concurrency: 1,
    chunk: 1,
    supports: (algorithm) => mechanismFor(signer.keyType, algorithm, visible.mechanisms) !== undefined,
    attend: async (document, signal) => {
      await desk.wait(document, config.pinTimeout, signal);
    },
    sign: async (data, algorithm, { signal, request } = {}) => {
      signal?.throwIfAborted();
      const given = desk.take();
      if (given === undefined)
        throw new SealError('SEAL-KEY-PIN-NEEDED', `${config.name}: the card asks its PIN for each signature`, {
          where: config.name,
          hint: `“sealtree key activate ${config.name}” shows the document that waits and asks for the PIN`,
        });
      try {
        const how = requireMechanism(config.name, signer.keyType, algorithm, visible.mechanisms);
        const raw = await token.signOnce(given.pin, (keys) => {
          const { key } = pairKey(config, keys, visible.certificates, extra, clock.now());
          return { key, mechanism: how.call, input: how.input(data), ...(request === undefined ? {} : { request }) };
        });
        given.signed();
        return how.output(raw);
      } catch (thrown) {
        given.failed(thrown);
        throw thrown;
      }
    },
  };
}
