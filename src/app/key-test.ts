import { SealError } from '../errors.ts';
import { joinPath } from '../formats/names.ts';
import type { KeyType } from '../model/algorithms.ts';
import type { Profile } from '../model/signature.ts';
import type { SigningKey } from '../ports/keys.ts';
import { commandRoots, endCommandBatch, openCommandBatch, signNow } from './command-batch.ts';
import type { Call } from './context.ts';
import { signsStacks } from './key-stack.ts';
import { keySource } from './keys.ts';
import type { Service } from './service.ts';

export interface KeyTest {
  readonly name: string;
  readonly algorithm: string;
  readonly ms: number;
}

/** `key test`: one signature of the key through all stages but archive and output; it counts like any other. @throws SealError SEAL-KEY-*, SEAL-VERIFY-FAILED */
export async function testKey(
  service: Pick<Service, 'app' | 'pool' | 'release'>,
  { name }: { readonly name: string },
  call: Pick<Call, 'actor' | 'signal'>,
): Promise<KeyTest> {
  const { app } = service;
  const { fx, config } = app;
  const key = demandKey(app, name);
  if (signsStacks(config.keys[name]))
    throw new SealError('SEAL-KEY-STACK', `${name} signs only what was shown before its PIN: there is no trial`, {
      where: name,
      hint: 'the first document of a list shows whether it signs',
    });
  const profile = trialProfile(key);
  const file = joinPath(config.dataDir, `trial-${fx.random.bytes(6).toString('hex')}`);
  await fx.files.writeDurable(file, Buffer.from('Sealtree trial signature\n'), 0o600);
  const began = fx.clock.monotonic();
  try {
    const trial = { root: commandRoots.trial, profile, keys: [name], files: [file.toString()], out: config.dataDir };
    const batch = await openCommandBatch(app, trial);
    try {
      const parts = { ...service, readSecret: app.readSecret, fx, config: { ...config, profiles: { [profile.name]: profile } } };
      const result = await signNow(parts, batch, { root: config.keys[name]?.roots[0], onError: 'failBatch' }, call.signal);
      if (result.kind !== 'done') throw SealError.from(result.kind === 'wait' ? result.reason : result.error);
      return { name, algorithm: algorithmOf(key.keyType, profile), ms: Math.round(fx.clock.monotonic() - began) };
    } finally {
      const ended = new SealError('SEAL-BATCH-CANCELLED', `a trial signature for ${call.actor}`, { hint: 'nothing is to be done' });
      await endCommandBatch(app, batch.id, 'abandoned', ended.toJSON());
    }
  } finally {
    await fx.files.remove(file);
  }
}

function demandKey(app: Service['app'], name: string): SigningKey {
  const source = keySource(app, name);
  const key = source.key();
  if (key !== undefined) return key;
  const { state, reason = state, error } = source.status();
  const code = error?.code ?? (state === 'pin-needed' ? 'SEAL-KEY-PIN-NEEDED' : 'SEAL-KEY-ABSENT');
  throw new SealError(code, `${name}: ${reason}`, { hint: error?.hint ?? 'see “sealtree key list”' });
}

function trialProfile(key: SigningKey): Profile {
  const padding = key.supports({ digest: 'sha256', padding: 'pss' }) ? 'pss' : 'pkcs1';
  return {
    ...{ name: commandRoots.trial, format: 'cades', level: 'B-B', packaging: 'detached', digest: 'sha256', padding },
    ...{ tsas: [], onTsaFailure: 'wait' },
  };
}

function algorithmOf(type: KeyType, { padding }: Profile): string {
  if (type.type === 'ec') return `${type.curve}, SHA-256`;
  return `${type.type.toUpperCase()}-${type.bits}, SHA-256${type.type === 'rsa' ? `, ${padding}` : ''}`;
}
