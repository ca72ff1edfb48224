import { SealError } from '../errors.ts';
import type { Call } from './context.ts';
import { keySource, keyView, type KeyView } from './keys.ts';
import type { Service } from './service.ts';

type ActivationService = Pick<Service, 'app' | 'keyAudit'>;

export interface ActivateArgs {
  readonly name: string;
  /** Individual card: SHA-256 of the document that was shown, hexadecimal. */
  readonly document?: string | undefined;
  /** The PIN is entered on the pad of the reader; the call has none. */
  readonly atReader?: true | undefined;
}

/**
 * `key activate`: one try with the PIN of the call, or with the one that is entered at the reader. For an individual card, the PIN for the one
 * document that was shown. A certificate that may not sign is refused before the PIN is tried.
 * @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-CERTIFICATE; SEAL-USAGE without a PIN or a pad
 */
export async function activateKey(
  { app, keyAudit }: ActivationService,
  { name, document, atReader }: ActivateArgs,
  { actor, secret }: Pick<Call, 'actor' | 'secret'>,
): Promise<KeyView> {
  const source = keySource(app, name);
  const pin = atReader === true && source.status().pinPad === true ? Buffer.alloc(0) : secret;
  if (pin === undefined)
    throw new SealError('SEAL-USAGE', `${name}: no PIN was given${atReader === true ? ', and its reader has no pad to ask for it' : ''}`, {
      hint: 'enter it at the prompt, or use --pin-file',
    });
  const { clock, store } = app.fx;
  try {
    const { error } = source.status();
    if (error?.code === 'SEAL-KEY-CERTIFICATE') throw SealError.from(error);
    await keyAudit.by(actor, source, async () => {
      await source.activate(pin, document === undefined ? undefined : Buffer.from(document, 'hex'));
    });
  } catch (error) {
    const code = error instanceof SealError ? error.code : 'SEAL-INTERNAL';
    const shown = document === undefined ? {} : { document };
    await store.audit({ at: clock.now(), actor, action: 'key-activation-refused', details: { key: name, code, ...shown } });
    throw error;
  }
  // A software key has no activation that would begin and end.
  if (source.status().activation === undefined)
    await store.audit({
      at: clock.now(),
      actor,
      action: document === undefined ? 'key-activated' : 'document-released',
      details: { ...keyAudit.describe(source), ...(document === undefined ? {} : { document }) },
    });
  return await keyView(app, source);
}

/** `key deactivate` */
export async function deactivateKey(
  { app, keyAudit }: ActivationService,
  { name }: { readonly name: string },
  { actor }: Pick<Call, 'actor'>,
): Promise<KeyView> {
  const source = keySource(app, name);
  await keyAudit.by(actor, source, async () => {
    await source.deactivate();
  });
  await app.fx.store.audit({ at: app.fx.clock.now(), actor, action: 'key-deactivated', details: { key: name } });
  return await keyView(app, source);
}
