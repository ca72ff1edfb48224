import { SealError } from '../../../errors.ts';
import type { CardActivation, TokenCertificate, TokenView } from './messages.ts';
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
  const error = locked && reason?.code !== 'SEAL-KEY-PIN-LOCKED' ? pinLocked(name) : (reason ?? pinNeeded(name, visible.view.pinPad));
  return { kind: 'waiting', state: locked ? 'pin-locked' : 'pin-needed', visible, error };
}

function pinLocked(name: string): SealError {
  return new SealError('SEAL-KEY-PIN-LOCKED', `${name}: the PIN is locked`, {
    where: name,
    hint: 'unlock it with the PUK and the program of the card’s maker',
  });
}

function pinNeeded(name: string, pinPad: boolean): SealError {
  return new SealError('SEAL-KEY-PIN-NEEDED', `${name}: the card waits for its PIN`, {
    where: name,
    hint: pinPad ? '“sealtree key activate”, then enter the PIN at the reader' : 'enter it with “sealtree key activate”',
  });
}
