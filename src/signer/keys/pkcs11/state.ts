import { SealError } from '../../../errors.ts';
import { explain } from './events.ts';
import type { Consequence } from './events.ts';
import type { CardActivation, Fault, TokenCertificate, TokenView } from './messages.ts';
import type { KeyState } from '../../../ports/keys.ts';

/** What is visible on a token without its PIN. */
export interface Visible {
  readonly view: TokenView;
  readonly certificates: readonly TokenCertificate[];
  readonly mechanisms: readonly number[];
}

/** An activation: from a PIN entry to removal, limit or deactivation. Its object is its identity: key handles of another one are stale. */
export type Activation = CardActivation;

export type TokenState =
  /** Not there, or its process or module does not work. */
  | { readonly kind: 'away'; readonly state: Extract<KeyState, 'absent' | 'failing'>; readonly error: SealError }
  /** There, but without a login. */
  | {
      readonly kind: 'waiting';
      readonly state: Extract<KeyState, 'pin-needed' | 'pin-locked'>;
      readonly error: SealError;
      readonly visible: Visible;
    }
  | { readonly kind: 'active'; readonly visible: Visible; readonly activation: Activation };

const lostLogin: Fault = { rv: 257, message: 'CKR_USER_NOT_LOGGED_IN' };

export function absent(name: string, hint = 'insert the card; “token:” of the key says which one is meant'): TokenState {
  const error = new SealError('SEAL-KEY-ABSENT', `${name}: the card or token is not there`, {
    where: name,
    hint,
  });
  return { kind: 'away', state: 'absent', error };
}

export function failing(error: SealError): TokenState {
  return { kind: 'away', state: 'failing', error };
}

/** There without a login, for the reason given or the usual one; a locked PIN outweighs every other reason. */
export function waiting(name: string, visible: Visible, reason?: SealError): TokenState {
  const locked = visible.view.pin === 'locked' || reason?.code === 'SEAL-KEY-PIN-LOCKED';
  const error = locked && reason?.code !== 'SEAL-KEY-PIN-LOCKED' ? pinLocked(name) : (reason ?? pinNeeded(name, visible.view));
  return { kind: 'waiting', state: locked ? 'pin-locked' : 'pin-needed', visible, error };
}

/**
 * The state of a token that is there without a login.
 * @param before the look @param news why the activation of an earlier daemon has ended; asked only where nothing else is known
 */
export function afterLook(name: string, before: TokenState, visible: Visible, news: () => SealError | undefined): TokenState {
  if (before.kind === 'away' || visible.view.fresh) return waiting(name, visible, news());
  if (before.kind === 'active') return waiting(name, visible, explain(name, lostLogin).error);
  // Whether the PIN is locked is seen anew each time; another reason is not overtaken by a look.
  return waiting(name, visible, before.error.code === 'SEAL-KEY-PIN-LOCKED' ? undefined : before.error);
}

/** The state after a call that failed; undefined: as it was. */
export function afterError(name: string, before: TokenState, then: Consequence, error: SealError): TokenState | undefined {
  if (then === 'lost') return { kind: 'away', state: 'absent', error };
  if (before.kind === 'away') return undefined;
  const { visible } = before;
  if (then === 'locked') return waiting(name, { ...visible, view: { ...visible.view, pin: 'locked' } }, error);
  return then === 'logged-out' || then === 'refused' ? waiting(name, visible, error) : undefined;
}

function pinLocked(name: string): SealError {
  return new SealError('SEAL-KEY-PIN-LOCKED', `${name}: the PIN is locked`, {
    where: name,
    hint: 'unlock it with the PUK and the program of the card’s maker',
  });
}

function pinNeeded(name: string, { pinPad, padProblem }: Pick<TokenView, 'pinPad' | 'padProblem'>): SealError {
  const unused = padProblem === undefined ? '' : `; the pad of the reader is not used (${padProblem})`;
  return new SealError('SEAL-KEY-PIN-NEEDED', `${name}: the card waits for its PIN`, {
    where: name,
    hint: pinPad ? '“sealtree key activate”, then enter the PIN at the reader' : `enter it with “sealtree key activate”${unused}`,
  });
}
