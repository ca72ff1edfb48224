import { SealError } from '../errors.ts';
import type { Call } from './context.ts';
import { keySource, keyView, type KeyView } from './keys.ts';
import type { Service } from './service.ts';

type ActivationService = Pick<Service, 'app' | 'keyAudit'>;

/**
 * `key activate`: one try with the PIN of the call. A certificate that may not sign is refused before the PIN is tried.
 * @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-CERTIFICATE
 */
export async function activateKey(
  { app, keyAudit }: ActivationService,
  { name }: { readonly name: string },
  { actor, secret }: Pick<Call, 'actor' | 'secret'>,
): Promise<KeyView> {
  const source = keySource(app, name);
  if (secret === undefined) throw new SealError('SEAL-USAGE', 'no PIN was given', { hint: 'enter it at the prompt, or use --pin-file' });
  const { clock, store } = app.fx;
  try {
    const { error } = source.status();
    if (error?.code === 'SEAL-KEY-CERTIFICATE') throw SealError.from(error);
    await keyAudit.by(actor, source, async () => {
      await source.activate(secret);
    });
  } catch (error) {
    const code = error instanceof SealError ? error.code : 'SEAL-INTERNAL';
    await store.audit({ at: clock.now(), actor, action: 'key-activation-refused', details: { key: name, code } });
    throw error;
  }
  // A software key has no activation that would begin and end.
  if (source.status().activation === undefined)
    await store.audit({ at: clock.now(), actor, action: 'key-activated', details: keyAudit.describe(source) });
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
