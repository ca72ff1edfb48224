import { SealError } from '../../errors.ts';
import { formats } from '../../formats/index.ts';
import type { Config } from '../../model/config.ts';
import type { Profile } from '../../model/signature.ts';
import type { Trust } from '../../pki/trust.ts';
import type { Progress } from '../../ports/control.ts';
import type { Effects } from '../../ports/effects.ts';
import { settingsThatDiffer } from '../live-config.ts';
import type { Service } from '../service.ts';
import { readTrust, trustOf } from '../trust.ts';
import { checkData, checkRoot } from './directories.ts';
import { failed, ok, tried, warning, type Finding } from './finding.ts';
import { checkKeys } from './keys.ts';
import { checkNotify } from './notify.ts';
import { checkAnchors, checkCrls } from './trust.ts';
import { checkTsa } from './tsas.ts';

export type { Finding } from './finding.ts';

export interface CheckOptions {
  readonly sign: boolean;
  /** Send a test message to the people that `notify` names. */
  readonly notify?: boolean;
  readonly actor: string;
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
}

/** What there is to check with. */
export interface CheckParts {
  readonly fx: Pick<Effects, 'clock' | 'files' | 'random'>;
  /** What holds: of the daemon where one runs. */
  readonly config: Config;
  /** Whether the data directory holds a database. */
  readonly database: boolean;
  /** Set in the daemon: what the file says now. */
  readonly file?: Config;
  /** Keys and authorities; or why they cannot be had. */
  readonly service: Service | SealError;
}

/**
 * `sealtree check`: tries what the daemon needs before a batch depends on it; one failure hides no other. Nothing is changed but trial files,
 * which are removed, and one trial timestamp for each TSA, which counts; `sign` makes one signature with each key, which counts too.
 */
export async function check(parts: CheckParts, options: CheckOptions): Promise<Finding[]> {
  const { fx, config, service } = parts;
  const findings: Finding[] = [];
  const steps = 5 + Object.keys(config.profiles).length + Object.keys(config.roots).length + Object.keys(config.tsas).length;
  let done = 0;
  const step = async (what: string, look: () => Promise<readonly Finding[]>): Promise<void> => {
    options.signal.throwIfAborted();
    options.progress({ what, done: done++, total: steps });
    findings.push(...(await tried(what, look)));
    options.signal.throwIfAborted();
  };
  await step('configuration', () => Promise.resolve(checkConfiguration(parts)));
  await step('data', async () => await checkData(fx, config, parts.database));
  for (const profile of Object.values(config.profiles))
    await step(`profile ${profile.name}`, () => Promise.resolve([checkProfile(profile)]));
  for (const root of Object.values(config.roots))
    await step(`root ${root.name}`, async () => await checkRoot(fx, root, parts.file !== undefined));
  await step('trust', async () => [
    ...(await tried('trust', async () => await checkAnchors(fx, config))),
    ...(await checkCrls(fx, config)),
  ]);
  if (service instanceof SealError) {
    findings.push(...withoutService(service, findings));
    return findings;
  }
  const trust = await readTrust(fx, config.trust).then(
    (files) => trustOf(files, config.trust),
    () => undefined,
  );
  const noSigning = parts.database ? {} : { noSigning: 'there is no database yet to count it in' };
  await step('keys', async () => await checkKeys(service, trust, { ...options, ...noSigning }));
  for (const name of Object.keys(config.tsas)) await step(`tsa ${name}`, async () => await tsa(service, name, trust, options.signal));
  await step('notify', async () => await checkNotify(service, { send: options.notify === true, signal: options.signal }));
  return findings;
}

async function tsa(service: Service, name: string, trust: Trust | undefined, signal: AbortSignal): Promise<readonly Finding[]> {
  return trust === undefined ? [] : await checkTsa(service.app, name, trust, signal);
}

function checkConfiguration({ config, file }: CheckParts): Finding[] {
  const findings = [ok('configuration', config.path)];
  if (file !== undefined) {
    findings.push(ok('daemon', 'runs; checked through it, with the settings it works with'));
    const differ = settingsThatDiffer(config, file);
    if (differ.length > 0)
      findings.push(
        warning(
          'daemon',
          `works with other settings than the file: ${differ.join(', ')}; those of the file were not tried`,
          'reload it (SIGHUP); what its log names then needs a restart',
        ),
      );
  }
  if (config.evaluation !== undefined)
    findings.push(warning('evaluation', 'EVALUATION certificates and timestamps: they prove nothing to others'));
  return findings;
}

/** The reason once, unless a line above says it already. */
function withoutService(error: SealError, before: readonly Finding[]): Finding[] {
  const known = before.some(({ status, message }) => status === 'error' && message.includes(error.message));
  const leftOut = warning('keys, timestamps', 'not tried, because of what failed above');
  if (known) return [leftOut];
  return error.code === 'SEAL-DAEMON-RUNNING'
    ? [
        warning(
          'keys, timestamps',
          'not tried: another command works on the data directory at this moment',
          'repeat it when that has ended',
        ),
      ]
    : [failed('keys, timestamps', error)];
}

/** A profile names a format and a level that exist; `auto` must work for all it may choose. @throws SealError SEAL-CONFIG-PROFILE */
function checkProfile(profile: Profile): Finding {
  const candidates = profile.format === 'auto' ? formats : formats.filter((format) => format.name === profile.format);
  if (candidates.length === 0)
    throw new SealError('SEAL-CONFIG-PROFILE', `the format ${profile.format} is not made yet`, {
      hint: `choose ${formats.map(({ name }) => name).join(', ')} or auto`,
    });
  for (const format of candidates) {
    if (!format.levels.includes(profile.level))
      throw new SealError('SEAL-CONFIG-PROFILE', `${format.name} is not made at level ${profile.level}`, {
        hint: `choose ${format.levels.join(', ')}`,
      });
    if (profile.format !== 'auto' && profile.packaging !== undefined && !format.packagings.includes(profile.packaging))
      throw new SealError('SEAL-CONFIG-PROFILE', `${format.name} cannot be ${profile.packaging}`, {
        hint: `choose ${format.packagings.join(', ')}`,
      });
  }
  return ok(`profile ${profile.name}`, `${profile.format} ${profile.level}, ${profile.digest}`);
}
