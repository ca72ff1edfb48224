import { SealError } from '../errors.ts';
import { oids } from '../formats/oids.ts';
import { canonicalName, isEmptyName, nameValues } from '../formats/names-dn.ts';
import type { GeneralName } from '../formats/general-names.ts';
import type { Certificate } from '../formats/x509.ts';
import type { NameConstraints } from '../formats/x509-extensions.ts';

/** permitted_subtrees and excluded_subtrees of RFC 5280 §6.1.2, as they grow along a path. */
export interface NameConstraintState {
  /** One group per certificate that names permitted subtrees: a name must lie in one subtree of each group of its kind. */
  readonly permitted: readonly (readonly GeneralName[])[];
  readonly excluded: readonly GeneralName[];
}

/** Names times constraints that are compared: hostile certificates must not cost seconds. */
const maxComparisons = 50_000;

export const noNameConstraints: NameConstraintState = { permitted: [], excluded: [] };

/** RFC 5280 §6.1.4 (g). */
export function addNameConstraints(state: NameConstraintState, constraints: NameConstraints): NameConstraintState {
  return {
    permitted: constraints.permitted === undefined ? state.permitted : [...state.permitted, constraints.permitted],
    excluded: constraints.excluded === undefined ? state.excluded : [...state.excluded, ...constraints.excluded],
  };
}

/**
 * Checks the names of a certificate (RFC 5280 §6.1.3 (b), (c)): subject, e-mail addresses inside it, alternative names.
 * @returns what is wrong, in plain words; undefined when every name is allowed
 * @throws SealError SEAL-INPUT-INVALID when a name is malformed
 */
export function violatedNameConstraint(state: NameConstraintState, certificate: Certificate): string | undefined {
  if (state.permitted.length === 0 && state.excluded.length === 0) return undefined;
  const names = namesOf(certificate);
  const bases = state.excluded.length + state.permitted.flat().length;
  if (names.length * bases > maxComparisons)
    throw new SealError('SEAL-INPUT-INVALID', 'certificate: too many names for too many name constraints');
  for (const name of names) {
    if (state.excluded.some((base) => base.kind === name.kind && within(name, base, true))) return `its ${name.kind} is excluded`;
    for (const group of state.permitted) {
      const own = group.filter((base) => base.kind === name.kind);
      if (own.length > 0 && !own.some((base) => within(name, base, false))) return `its ${name.kind} is not permitted`;
    }
  }
  return undefined;
}

function namesOf(certificate: Certificate): GeneralName[] {
  const { subject } = certificate;
  const names: GeneralName[] = [...certificate.subjectAltNames];
  if (!isEmptyName(subject)) names.push({ kind: 'directoryName', name: subject });
  // RFC 5280 §4.2.1.10: rules about e-mail addresses hold for those that stand in the subject, too.
  for (const value of nameValues(subject, oids.emailAddress)) names.push({ kind: 'rfc822Name', value });
  return names;
}

/**
 * Whether a name lies in a subtree of the same kind (RFC 5280 §4.2.1.10).
 * @param unclear the answer where no rule exists for the kind or the name cannot be judged: such a name must be rejected
 */
function within(name: GeneralName, base: GeneralName, unclear: boolean): boolean {
  if (name.kind === 'directoryName' && base.kind === 'directoryName') return nameWithin(name.name, base.name);
  if (name.kind === 'rfc822Name' && base.kind === 'rfc822Name') return mailWithin(name.value, base.value);
  if (name.kind === 'dNSName' && base.kind === 'dNSName') return hostWithin(name.value, base.value);
  if (name.kind === 'uniformResourceIdentifier' && base.kind === 'uniformResourceIdentifier')
    return uriWithin(name.value, base.value, unclear);
  if (name.kind === 'iPAddress' && base.kind === 'iPAddress') return addressWithin(name.bytes, base.bytes, unclear);
  return unclear;
}

function nameWithin(name: Buffer, base: Buffer): boolean {
  const parts = canonicalName(name);
  return canonicalName(base).every((part, at) => parts[at] === part);
}

/** A host below a domain or the domain itself; with a leading dot only what is below it. */
function hostWithin(host: string, domain: string): boolean {
  const [own, base] = [host.toLowerCase().replace(/\.$/, ''), domain.toLowerCase()];
  if (base === '') return true;
  return base.startsWith('.') ? own.endsWith(base) : own === base || own.endsWith(`.${base}`);
}

/** A mailbox, all mailboxes of a host, or with a leading dot all mailboxes of the hosts below a domain. */
function mailWithin(address: string, base: string): boolean {
  const at = address.lastIndexOf('@');
  const [local, host] = [address.slice(0, at), address.slice(at + 1).toLowerCase()];
  const baseAt = base.lastIndexOf('@');
  if (baseAt >= 0) return at >= 0 && local === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
  return base.startsWith('.') ? host.endsWith(base.toLowerCase()) : base === '' || host === base.toLowerCase();
}

function uriWithin(uri: string, base: string, unclear: boolean): boolean {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?(?<host>[^/?#:@[\]]+)(?::\d*)?(?:[/?#]|$)/i.exec(uri)?.groups?.['host']?.toLowerCase();
  // Without a host name there is nothing that could be judged: such a certificate is rejected (RFC 5280 §4.2.1.10).
  if (host === undefined || /^[\d.]+$/.test(host)) return unclear;
  const domain = base.toLowerCase();
  return domain.startsWith('.') ? host.endsWith(domain) : domain === '' || host === domain;
}

function addressWithin(address: Buffer, base: Buffer, unclear: boolean): boolean {
  if (address.length !== 4 && address.length !== 16) return unclear;
  if (base.length !== 8 && base.length !== 32) return unclear;
  // An address of one family lies in no subtree of the other.
  if (base.length !== address.length * 2) return false;
  return address.every((octet, at) => {
    const mask = base[address.length + at] ?? 0;
    return (octet & mask) === ((base[at] ?? 0) & mask);
  });
}
