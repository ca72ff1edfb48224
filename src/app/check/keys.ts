import { SealError, type ErrorCode } from '../../errors.ts';
import { parseCertificate } from '../../formats/x509.ts';
import type { KeyConfig } from '../../model/config.ts';
import { purposes } from '../../pki/purposes.ts';
import type { Trust } from '../../pki/trust.ts';
import { testKey } from '../key-test.ts';
import { keyViews, type KeyView } from '../keys.ts';
import type { Service } from '../service.ts';
import { failed, ok, tried, warning, type Finding } from './finding.ts';
import { checkRevocation } from './revocation.ts';

export interface KeyCheckOptions {
  /** Make a trial signature with each key. */
  readonly sign: boolean;
  readonly actor: string;
  readonly signal: AbortSignal;
  /** Why no trial signature can be made. */
  readonly noSigning?: string;
}

/** Days before the end of a certificate. */
const renewWithin = 60;

/** Each key for itself: whether it signs, its certificate, its revocation, and with `sign` a signature that is verified. */
export async function checkKeys(service: Service, trust: Trust | undefined, options: KeyCheckOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const view of await keyViews(service.app)) {
    options.signal.throwIfAborted();
    findings.push(checkState(view, options));
    if (options.sign && view.stack === true)
      findings.push(warning(`key ${view.name} signature`, 'not tried: it signs only what was shown before its PIN'));
    else if (options.sign && view.state === 'ready')
      findings.push(...(await tried(`key ${view.name} signature`, async () => await checkSigning(service, view.name, options))));
    if (trust !== undefined)
      findings.push(
        ...(await tried(`key ${view.name} revocation`, async () => await checkCertificate(service, trust, view.name, options.signal))),
      );
  }
  return findings;
}

/** For states without an error of their own. */
const codeOf: Readonly<Record<Exclude<KeyView['state'], 'ready' | 'closed' | 'pin-needed'>, ErrorCode>> = {
  absent: 'SEAL-KEY-ABSENT',
  failing: 'SEAL-KEY-DEVICE',
  resting: 'SEAL-KEY-DEVICE',
  unusable: 'SEAL-KEY-CERTIFICATE',
  'pin-locked': 'SEAL-KEY-PIN-LOCKED',
};

/** Errors whose messages do not name the file. */
const withoutPlace: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['SEAL-INPUT-MISSING', 'SEAL-DISK-IO']);

function checkState({ name, state, reason, error, certificate, stack }: KeyView, { sign }: KeyCheckOptions): Finding {
  const what = `key ${name}`;
  if (state === 'closed') return warning(what, `not tried: ${reason ?? ''}`);
  if (state === 'pin-needed') {
    const message = `waits for its PIN${reason === undefined ? '' : `: ${reason}`}`;
    const hint = `start the daemon, then “sealtree key activate ${name}”`;
    return sign && stack !== true ? failed(what, new SealError('SEAL-KEY-PIN-NEEDED', message, { hint })) : warning(what, message, hint);
  }
  if (state !== 'ready')
    return failed(
      what,
      new SealError(error?.code ?? codeOf[state], `${state}${reason === undefined ? '' : `: ${reason}`}`, {
        hint: error?.hint ?? 'see “sealtree key list”',
        ...(error?.where === undefined || !withoutPlace.has(error.code) ? {} : { where: error.where }),
      }),
    );
  const { subject = '', daysLeft = 0 } = certificate ?? {};
  const message = `${subject}, ${daysLeft} days left`;
  return daysLeft < renewWithin ? warning(what, message, 'renew the certificate') : ok(what, message);
}

async function checkSigning(service: Service, name: string, { actor, signal, noSigning }: KeyCheckOptions): Promise<Finding[]> {
  const what = `key ${name} signature`;
  if (noSigning !== undefined) return [warning(what, `not tried: ${noSigning}`, 'run “sealtree run --once” first')];
  const { algorithm, ms } = await testKey(service, { name }, { actor, signal });
  return [ok(what, `signs in ${ms} ms, and the signature verifies: ${algorithm}`)];
}

async function checkCertificate({ app }: Service, trust: Trust, name: string, signal: AbortSignal): Promise<Finding[]> {
  const source = app.fx.keys.find((one) => one.name === name);
  const der = source?.status().certificate;
  const config = app.config.keys[name];
  if (der === undefined || config === undefined) return [];
  const others = (source?.key()?.chain ?? []).slice(1).map((one) => parseCertificate(one));
  const subject = { what: `key ${name} revocation`, certificate: parseCertificate(der), others, purpose: purposeOf(config) };
  return await checkRevocation(app.fx, trust, subject, signal);
}

function purposeOf({ keyUsage }: KeyConfig): (typeof purposes)[keyof typeof purposes] {
  return keyUsage === 'any' ? purposes.documentSignature : purposes[keyUsage];
}
