import { completeToken } from '../archive/token-material.ts';
import { asSealError, codes, SealError } from '../errors.ts';
import { digestOf } from '../formats/digests.ts';
import { formats } from '../formats/index.ts';
import { checkBasisErs } from '../formats/tsp-basis-ers.ts';

import type { RootConfig } from '../model/config.ts';
import type { Profile } from '../model/signature.ts';
import type { Trust } from '../pki/trust.ts';
import type { App } from './context.ts';
import { keyViews } from './keys.ts';
import type { Service } from './service.ts';
import { testKey } from './key-test.ts';
import { readTrust, trustOf } from './trust.ts';

/** One line of `sealtree check`. */
export interface Finding {
  readonly status: 'ok' | 'warning' | 'error';
  /** `root letters`, `key seal` … */
  readonly what: string;
  readonly message: string;
  readonly hint?: string;
  /** Exit status for an error. */
  readonly exit?: number;
}

type Check = () => Promise<readonly Finding[]>;

/**
 * `sealtree check`: tries what the daemon will need before a batch depends on it. Nothing is changed but trial files, which are removed,
 * and one trial timestamp for each TSA; `sign` makes one signature with each key that is ready, and counts it.
 */
export async function check(service: Service, options: { readonly sign: boolean; readonly signal: AbortSignal }): Promise<Finding[]> {
  const { app } = service;
  const { config } = app;
  const findings: Finding[] = [{ status: 'ok', what: 'configuration', message: config.path }];
  const tried = async (what: string, checks: Check): Promise<void> => {
    options.signal.throwIfAborted();
    try {
      findings.push(...(await checks()));
    } catch (thrown) {
      const error = asSealError(thrown);
      findings.push({
        status: 'error',
        what,
        message: error.message,
        exit: codes[error.code].exit,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  };
  if (config.evaluation !== undefined)
    findings.push({
      status: 'warning',
      what: 'evaluation',
      message: 'EVALUATION certificates and timestamps: they prove nothing to others',
    });
  await tried('data', async () => await checkDirectory(app, 'data', config.dataDir));
  for (const profile of Object.values(config.profiles))
    await tried(`profile ${profile.name}`, async () => await Promise.resolve(checkProfile(profile)));
  for (const root of Object.values(config.roots)) await tried(`root ${root.name}`, async () => await checkRoot(app, root));
  let trust: Trust | undefined;
  await tried('trust', async () => {
    const files = await readTrust(app.fx, config.trust);
    trust = trustOf(files, config.trust);
    return [
      {
        status: 'ok',
        what: 'trust',
        message: `${files.anchors.length} trust anchor(s), ${files.certificates.length} further certificate(s)`,
      },
    ];
  });
  await tried('keys', async () => await checkKeys(service, options));
  for (const name of app.fx.tsas.keys())
    await tried(`tsa ${name}`, async () => (trust === undefined ? [] : await checkTsa(app, name, trust, options.signal)));
  return findings;
}

/** A profile names a format and a level that exist; `auto` must work for all it may choose. */
export function checkProfile(profile: Profile): Finding[] {
  const what = `profile ${profile.name}`;
  const candidates = profile.format === 'auto' ? formats : formats.filter((format) => format.name === profile.format);
  if (candidates.length === 0) {
    throw new SealError('SEAL-CONFIG-PROFILE', `the format ${profile.format} is not made yet`, {
      hint: `choose ${formats.map(({ name }) => name).join(', ')} or auto`,
    });
  }
  for (const format of candidates) {
    if (!format.levels.includes(profile.level)) {
      throw new SealError('SEAL-CONFIG-PROFILE', `${format.name} is not made at level ${profile.level}`, {
        hint: `choose ${format.levels.join(', ')}`,
      });
    }
    if (profile.format !== 'auto' && profile.packaging !== undefined && !format.packagings.includes(profile.packaging)) {
      throw new SealError('SEAL-CONFIG-PROFILE', `${format.name} cannot be ${profile.packaging}`, {
        hint: `choose ${format.packagings.join(', ')}`,
      });
    }
  }
  return [{ status: 'ok', what, message: `${profile.format} ${profile.level}, ${profile.digest}` }];
}

async function checkDirectory(app: App, what: string, path: string): Promise<Finding[]> {
  const { files, random } = app.fx;
  await files.makeDirectory(path);
  const trial = `${path}/.sealtree-check-${random.bytes(6).toString('hex')}`;
  await files.writeDurable(trial, Buffer.from('trial'));
  await files.remove(trial);
  const { freeBytes } = await files.space(path);
  return [{ status: 'ok', what, message: `${path} can be written, ${(freeBytes / 2 ** 30).toFixed(1)} GiB free` }];
}

/** The claim is a rename from incoming into the daemon's own directory: tried with a directory like a batch. */
async function checkRoot(app: App, root: RootConfig): Promise<Finding[]> {
  const { files, random } = app.fx;
  const what = `root ${root.name}`;
  const findings: Finding[] = [];
  for (const tree of ['incoming', 'outgoing', 'failed', 'done'] as const)
    findings.push(...(await checkDirectory(app, `${what} ${tree}`, root[tree])));
  const nonce = random.bytes(6).toString('hex');
  const batch = `${root.incoming}/.sealtree-check-${nonce}`;
  const claimed = `${root.incoming}/.sealtree-check-${nonce}-claimed`;
  await files.makeDirectory(batch);
  try {
    await files.rename(batch, claimed);
    findings.push({ status: 'ok', what: `${what} claim`, message: 'a batch can be claimed by rename' });
  } finally {
    await files.remove(batch);
    await files.remove(claimed);
  }
  const { freeBytes } = await files.space(root.incoming);
  if (freeBytes < root.minFree)
    findings.push({
      status: 'warning',
      what,
      message: 'less free than minFree: intake pauses',
      hint: `make room on the file system of ${root.incoming}`,
    });
  if (root.keys.length === 0) findings.push({ status: 'warning', what, message: 'keys: none, documents are archived without a signature' });
  return findings;
}

async function checkKeys(service: Service, { sign, signal }: { readonly sign: boolean; readonly signal: AbortSignal }): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const key of await keyViews(service.app)) {
    const what = `key ${key.name}`;
    const days = key.certificate?.daysLeft;
    if (key.state !== 'ready') {
      const hint = key.state === 'pin-needed' ? `sealtree key activate ${key.name}` : key.error?.hint;
      findings.push({
        status: key.state === 'pin-needed' ? 'warning' : 'error',
        what,
        message: `${key.state}${key.reason === undefined ? '' : `: ${key.reason}`}`,
        ...(hint === undefined ? {} : { hint }),
        ...(key.error === undefined ? {} : { exit: codes[key.error.code].exit }),
      });
      continue;
    }
    const trial = sign ? await testKey(service, { name: key.name }, { actor: 'check', signal }) : undefined;
    const message = `${key.certificate?.subject ?? ''}, ${String(days)} days left${trial === undefined ? '' : `, signs in ${trial.ms} ms`}`;
    findings.push({
      status: days !== undefined && days < 30 ? 'warning' : 'ok',
      what,
      message,
      ...(days !== undefined && days < 30 ? { hint: 'renew the certificate' } : {}),
    });
  }
  return findings;
}

/** A trial token, with what the archive would embed, against the Basis-ERS profile. */
async function checkTsa(app: App, name: string, trust: Trust, signal: AbortSignal): Promise<Finding[]> {
  const what = `tsa ${name}`;
  const tsa = app.fx.tsas.get(name);
  const digest = app.config.tsas[name]?.digest ?? 'sha256';
  if (tsa === undefined) return [];
  const { token, genTime } = await tsa.timestamp({ digest, messageImprint: digestOf(digest, app.fx.random.bytes(32)) }, signal);
  const drift = Math.abs(genTime - app.fx.clock.now());
  const complete = await completeToken(app.fx, trust, token, 0, signal);
  const deviations = checkBasisErs(complete.token);
  const findings: Finding[] = [{ status: 'ok', what, message: `answers, its certificate is trusted` }];
  if (!complete.complete)
    findings.push({
      status: 'warning',
      what,
      message: `revocation data is missing: ${complete.missing.join('; ')}`,
      hint: 'evidence records need it: make the addresses in the TSA’s certificate reachable, or put its CRLs where trust.crls points',
    });
  for (const deviation of deviations)
    findings.push({ status: 'warning', what, message: `token leaves the Basis-ERS profile: ${deviation}` });
  if (drift > 60_000)
    findings.push({
      status: 'warning',
      what,
      message: `its clock and ours differ by ${Math.round(drift / 1000)} s`,
      hint: 'check NTP on this machine',
    });
  return findings;
}
