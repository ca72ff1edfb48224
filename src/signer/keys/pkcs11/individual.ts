import { SealError } from '../../../errors.ts';
import { orderChain } from '../chain.ts';
import { mechanismFor } from './mechanisms.ts';
import { pairKey } from './pairing.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { Pkcs11KeyConfig } from '../../../model/config.ts';
import type { SigningKey } from '../../../ports/keys.ts';
import type { SigningDesk } from './desk.ts';
import type { Visible } from './state.ts';
import type { Token } from './token.ts';

export interface IndividualCard {
  readonly config: Pkcs11KeyConfig;
  readonly token: Token;
  readonly desk: SigningDesk;
  readonly visible: Visible;
  /** The one that is used, as far as it can be told before the PIN. */
  readonly certificate: Certificate;
  /** DER certificates from files. */
  readonly extra: readonly Buffer[];
  readonly now: () => number;
}

/**
 * A key whose card asks its PIN for each signature, from a person who has seen the document: logged in for this one signature, logged out after it.
 */
export function individualKey({ config, token, desk, visible, certificate, extra, now }: IndividualCard): SigningKey {
  const keyType = certificate.keyType();
  return {
    name: config.name,
    chain: orderChain(certificate, [...visible.certificates.map(({ der }) => der), ...extra]),
    keyType,
    concurrency: 1,
    chunk: 1,
    supports: (algorithm) => mechanismFor(keyType, algorithm, visible.mechanisms) !== undefined,
    attend: async (document, signal) => {
      await desk.wait(document, config.pinTimeout, signal);
    },
    sign: async (data, algorithm, { signal, request } = {}) => {
      signal?.throwIfAborted();
      const how = mechanismFor(keyType, algorithm, visible.mechanisms);
      const given = desk.take();
      if (how === undefined || given === undefined)
        throw new SealError('SEAL-KEY-PIN-NEEDED', `${config.name}: the card asks its PIN for each signature`, {
          where: config.name,
          hint: `“sealtree key activate ${config.name}” shows the document that waits and asks for the PIN`,
        });
      try {
        const raw = await token.signOnce(given.pin, (keys) => {
          const { key } = pairKey(config, keys, visible.certificates, extra, now());
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
