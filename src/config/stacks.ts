import { isDeepStrictEqual } from 'node:util';
import type { Report } from './places.ts';
import type { FileSettings } from './schema.ts';

type Keys = FileSettings['keys'];

/** What does not go with `activation: stack`: whatever would open the card without a list that a person has seen. */
export function checkStacks(keys: Keys, report: Report): void {
  for (const [name, key] of Object.entries(keys)) {
    if (key.source !== 'pkcs11' || key.activation !== 'stack') continue;
    if (key.pin !== undefined)
      report(['keys', name, 'pin'], '“activation: stack” shows the documents to a person before the PIN: a configured PIN is not possible');
    if (key.kind === 'individual')
      report(['keys', name, 'activation'], '“kind: individual” shows each document before its PIN anyway: leave “activation” out');
    const other = Object.keys(keys).find((each) => each !== name && sameToken(key, keys[each]));
    if (other !== undefined)
      report(
        ['keys', name, 'activation'],
        `the PIN would open “${other}” as well, which is on the same token: “stack” needs a token of its own`,
      );
  }
}

function sameToken(one: Keys[string], other: Keys[string] | undefined): boolean {
  if (one.source !== 'pkcs11' || other?.source !== 'pkcs11' || one.token === 'any') return false;
  const { module, environment, token } = one;
  return isDeepStrictEqual({ module, environment, token }, { module: other.module, environment: other.environment, token: other.token });
}
