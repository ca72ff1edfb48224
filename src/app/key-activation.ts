import { SealError } from '../errors.ts';
import type { KeySource } from '../ports/keys.ts';
import type { NewStack } from '../ports/stack-store.ts';
import type { Call } from './context.ts';
import { seenStack, signsStacks } from './key-stack.ts';
import { keySource, keyView, type KeyView } from './keys.ts';
import type { Service } from './service.ts';

type ActivationService = Pick<Service, 'app' | 'keyAudit'>;

export interface ActivateArgs {
  readonly name: string;
  /** Individual card: SHA-256 of the document that was shown, hexadecimal. */
  readonly document?: string | undefined;
  /** The PIN is entered on the pad of the reader; the call has none. */
  readonly atReader?: true | undefined;
  /** Key with `activation: stack`: the list that was shown. */
  readonly stack?: { readonly batches: readonly string[]; readonly sha256: string } | undefined;
}

/**
 * `key activate`: one try with the PIN of the call, or with the one that is entered at the reader. For an individual card, the PIN for the one
 * document that was shown; for a key with `activation: stack`, for the list that was shown. A certificate that may not sign is refused before the PIN
 * is tried, and so is a list that has changed.
 * @throws SealError SEAL-KEY-PIN-*, SEAL-KEY-CERTIFICATE, SEAL-KEY-STACK; SEAL-USAGE without a PIN or a pad
 */
export async function activateKey(
  service: ActivationService,
  { name, document, stack, atReader }: ActivateArgs,
  { actor, secret }: Pick<Call, 'actor' | 'secret'>,
): Promise<KeyView> {
  const { app, keyAudit } = service;
  const source = keySource(app, name);
  const pin = atReader === true && source.status().pinPad === true ? Buffer.alloc(0) : secret;
  if (pin === undefined)
    throw new SealError('SEAL-USAGE', `${name}: no PIN was given${atReader === true ? ', and its reader has no pad to ask for it' : ''}`, {
      hint: 'enter it at the prompt, or use --pin-file',
    });
  if (!signsStacks(app.config.keys[name])) refuseStack(name, stack);
  else if (entering.has(source))
    throw new SealError('SEAL-KEY-STACK', `${name}: another PIN is being entered`, { where: name, hint: 'wait for it' });
  entering.add(source);
  let seen: Seen | undefined;
  try {
    seen = await demandStack(service, source, stack);
    await enterPin(service, source, { actor, pin, document, seen });
  } finally {
    entering.delete(source);
  }
  // A software key has no activation that would begin and end; that of a short list may have ended.
  if (source.status().activation === undefined && seen === undefined)
    await app.fx.store.audit({
      at: app.fx.clock.now(),
      actor,
      action: document === undefined ? 'key-activated' : 'document-released',
      details: { ...(await keyAudit.describe(source)), ...(document === undefined ? {} : { document }) },
    });
  return await keyView(app, source);
}

/** Keys with a stack whose PIN is on its way: the list that was kept last belongs to that PIN. */
const entering = new WeakSet<KeySource>();

type Seen = Pick<NewStack, 'digest' | 'documents'>;

interface Entry {
  readonly actor: string;
  readonly pin: Buffer;
  readonly document: string | undefined;
  readonly seen: Seen | undefined;
}

/** The list is kept before the PIN goes to the card: whatever ends this process in between, the card signs nothing else. */
async function enterPin({ app, keyAudit }: ActivationService, source: KeySource, { actor, pin, document, seen }: Entry): Promise<void> {
  const { clock, store } = app.fx;
  const key = source.name;
  try {
    const { error } = source.status();
    if (error?.code === 'SEAL-KEY-CERTIFICATE') throw SealError.from(error);
    if (seen !== undefined) await store.offerStack({ key, at: clock.now(), ...seen });
    await keyAudit.by(actor, source, async () => {
      await source.activate(pin, document === undefined ? undefined : Buffer.from(document, 'hex'));
    });
    if (seen !== undefined) await demandMass(keyAudit, source, actor);
  } catch (error) {
    if (seen !== undefined) await store.withdrawStack(key);
    const code = error instanceof SealError ? error.code : 'SEAL-INTERNAL';
    const shown = { ...(document === undefined ? {} : { document }), ...(seen === undefined ? {} : describeStack(seen)) };
    await store.audit({ at: clock.now(), actor, action: 'key-activation-refused', details: { key, code, ...shown } });
    throw error;
  }
}

function describeStack({ digest, documents }: Seen): object {
  return { stack: { documents: documents.length, sha256: digest.toString('hex') } };
}

/** @throws SealError SEAL-USAGE when a list was shown for a key that signs none */
function refuseStack(name: string, stack: ActivateArgs['stack']): void {
  if (stack === undefined) return;
  throw new SealError('SEAL-USAGE', `${name} signs whatever its roots have to sign, not a list of documents`, {
    where: name,
    hint: '“activation: stack” of the key makes it sign only what was shown before the PIN',
  });
}

/** What was shown, where the key demands it. @throws SealError SEAL-USAGE, SEAL-KEY-STACK; what `seenStack` throws */
async function demandStack({ app }: ActivationService, source: KeySource, stack: ActivateArgs['stack']): Promise<Seen | undefined> {
  const { name } = source;
  if (!signsStacks(app.config.keys[name])) return undefined;
  if (stack === undefined)
    throw new SealError('SEAL-USAGE', `${name} signs only what was shown before its PIN, and nothing was shown`, {
      where: name,
      hint: '“sealtree key activate” of this version shows the list',
    });
  const { activation, individual } = source.status();
  if (individual === true) throw asksForEach(name);
  if (activation !== undefined)
    throw new SealError('SEAL-KEY-STACK', `${name} is active already; one list is signed at a time`, {
      where: name,
      hint: `wait until it is done, or “sealtree key deactivate ${name}”`,
    });
  return await seenStack(app, { name, batches: stack.batches }, stack.sha256);
}

/** Some cards tell only after the PIN that they ask it for each signature. */
async function demandMass(keyAudit: ActivationService['keyAudit'], source: KeySource, actor: string): Promise<void> {
  if (source.status().individual !== true) return;
  await keyAudit.by(actor, source, async () => {
    await source.deactivate();
  });
  throw asksForEach(source.name);
}

function asksForEach(name: string): SealError {
  return new SealError('SEAL-USAGE', `${name} asks its PIN for each document, and shows each before it: it cannot sign a list`, {
    where: name,
    hint: 'leave “activation: stack” of the key out',
  });
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
