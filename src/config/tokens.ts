import { isDeepStrictEqual } from 'node:util';
import type { Report } from './places.ts';
import type { FileSettings } from './schema.ts';

type Keys = FileSettings['keys'];
type TokenKey = Extract<Keys[string], { source: 'pkcs11' }>;

/** What does not go together on one token: a login opens all its keys (PKCS#11 §5.6). */
export function checkTokens(keys: Keys, report: Report): void {
  for (const [name, key] of Object.entries(keys)) {
    if (key.source !== 'pkcs11') continue;
    const others = Object.entries(keys).filter(([other, settings]) => other !== name && sameToken(key, settings));
    if (key.activation === 'stack') checkStack(name, key, others, report);
    else if (isAttended(key)) checkIndividual(name, others, report);
  }
}

/** Whatever would open the card without a list that a person has seen. */
function checkStack(name: string, key: TokenKey, others: readonly [string, unknown][], report: Report): void {
  if (key.pin !== undefined)
    report(['keys', name, 'pin'], '“activation: stack” shows the documents to a person before the PIN: a configured PIN is not possible');
  if (key.kind === 'individual')
    report(['keys', name, 'activation'], '“kind: individual” shows each document before its PIN anyway: leave “activation” out');
  const [other] = others;
  if (other !== undefined)
    report(
      ['keys', name, 'activation'],
      `the PIN would open “${other[0]}” as well, which is on the same token: “stack” needs a token of its own`,
    );
}

/** Once another key has opened the token, the card verifies the PIN of a signature only where it demands it itself (CKA_ALWAYS_AUTHENTICATE). */
function checkIndividual(name: string, others: readonly [string, Keys[string]][], report: Report): void {
  const open = others.find(([, settings]) => !isAttended(settings));
  if (open === undefined) return;
  const remedy =
    'leave “kind” out if the card itself asks the PIN for each signature (it is asked then all the same), else “individual” needs a token of its own';
  report(
    ['keys', name, 'kind'],
    `“${open[0]}” is on the same token and opens it for many signatures: the card would verify no PIN for this key; ${remedy}`,
  );
}

/** A person gives the PIN for each document: nothing stays open. */
function isAttended(key: Keys[string]): boolean {
  return key.source === 'pkcs11' && key.kind === 'individual' && key.pin === undefined;
}

function sameToken(one: TokenKey, other: Keys[string]): boolean {
  if (other.source !== 'pkcs11' || one.token === 'any') return false;
  const { module, environment, token } = one;
  return isDeepStrictEqual({ module, environment, token }, { module: other.module, environment: other.environment, token: other.token });
}
