import { createPublicKey } from 'node:crypto';
import { asSealError, SealError } from '../errors.ts';
import { keyTypeOf, sha256 } from '../formats/algorithms.ts';
import type { KeyType } from '../model/algorithms.ts';
import type { KeyConfig } from '../model/config.ts';
import type { GeneratedKey, NewKeyKind } from '../ports/key-management.ts';
import type { KeySource } from '../ports/keys.ts';
import type { Call } from './context.ts';
import { signsStacks } from './key-stack.ts';
import { keySource } from './keys.ts';
import type { Service } from './service.ts';

export type ManagementService = Pick<Service, 'app' | 'keyAudit'>;

export interface GenerateArgs {
  readonly name: string;
  readonly kind: NewKeyKind;
}

export interface NewKeyView extends Pick<GeneratedKey, 'place' | 'id' | 'label'> {
  readonly name: string;
  /** `P-256`, `RSA-3072` … */
  readonly algorithm: string;
  /** SHA-256 of the public key (DER SubjectPublicKeyInfo), hexadecimal. */
  readonly publicKeySha256: string;
}

/** `key generate`: a new key pair where the configuration of the key points. @throws SealError SEAL-KEY-EXISTS, SEAL-KEY-*, SEAL-CONFIG-SECRET */
export async function generateKey(
  service: ManagementService,
  { name, kind }: GenerateArgs,
  call: Pick<Call, 'actor' | 'secret'>,
): Promise<NewKeyView> {
  const { app } = service;
  const config = keyConfig(service, name);
  return await withFreeKey(service, name, call, async (pin) => {
    const { spki, ...made } = await app.manageKey(config).generate(kind, pin);
    const about = { algorithm: describeKey(spki), ...made, publicKeySha256: sha256(spki).toString('hex') };
    await app.fx.store.audit({ at: app.fx.clock.now(), actor: call.actor, action: 'key-generated', details: { key: name, ...about } });
    return { name, ...about };
  });
}

/** @throws SealError SEAL-KEY-UNKNOWN */
export function keyConfig({ app }: Pick<Service, 'app'>, name: string): KeyConfig {
  keySource(app, name);
  const config = app.config.keys[name];
  if (config !== undefined) return config;
  throw new SealError('SEAL-KEY-UNKNOWN', `no key is called “${name}”`, {
    hint: 'add it to “keys:” of the configuration, then restart the daemon',
  });
}

/**
 * Works on a key that nobody else uses meanwhile: a card lets one process in at a time, so an activation ends first. It is begun again afterwards, with the
 * same PIN, or with the configured one; not where a list is shown before the PIN. Zeroes nothing of the call's.
 */
export async function withFreeKey<T>(
  { app, keyAudit }: ManagementService,
  name: string,
  { actor, secret }: Pick<Call, 'actor' | 'secret'>,
  work: (pin: Buffer | undefined) => Promise<T>,
): Promise<T> {
  const source = keySource(app, name);
  const wasActive = source.status().activation !== undefined;
  if (wasActive)
    await keyAudit.by(actor, source, async () => {
      await source.deactivate();
    });
  let again: Buffer | undefined = secret;
  try {
    return await work(secret === undefined ? undefined : Buffer.from(secret));
  } catch (thrown) {
    // The machine never repeats a wrong PIN.
    if (asSealError(thrown).code.startsWith('SEAL-KEY-PIN')) again = undefined;
    throw thrown;
  } finally {
    await keyAudit.by(actor, source, async () => {
      await takeUp(source, wasActive && !signsStacks(app.config.keys[name]), again);
    });
  }
}

/** Afterwards: what was stored is seen, what was active is active again as far as the machine may. Never rejects. */
async function takeUp(source: KeySource, activate: boolean, pin: Buffer | undefined): Promise<void> {
  await source.refresh();
  if (!activate) return;
  if (pin === undefined || pin.length === 0) await source.open();
  else await source.activate(Buffer.from(pin)).catch(() => undefined);
}

/** `P-256`, `RSA-3072`. @param spki DER SubjectPublicKeyInfo */
export function describeKey(spki: Buffer): string {
  return nameOf(keyTypeOf(createPublicKey({ key: spki, format: 'der', type: 'spki' })));
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function nameOf(type: KeyType): string {
  return type.type === 'ec' ? (curves[type.curve] ?? type.curve) : `${type.type.toUpperCase()}-${type.bits}`;
}
