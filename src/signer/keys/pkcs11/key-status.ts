import { SealError } from '../../../errors.ts';
import type { Certificate } from '../../../formats/x509.ts';
import type { KeyState, KeyStatus, WaitingDocument } from '../../../ports/keys.ts';
import type { TokenState, Visible } from './state.ts';

/** What is known of a key and its token. */
export interface KeyFacts {
  readonly name: string;
  readonly state: TokenState;
  /** See KeyStatus. */
  readonly wrongPins: number;
  /** The activation stays when the daemon ends. */
  readonly outlives: boolean;
  /** The one that is used, or will be after the PIN. */
  readonly certificate: Certificate | undefined;
  /** Why key and certificate cannot be used, whatever the token's state. */
  readonly problem: SealError | undefined;
  /** A person gives the PIN for each document, and the card takes it. */
  readonly attended: boolean;
  readonly waiting: WaitingDocument | undefined;
  /** Why the files of `chain:` cannot be read: told when nothing else is wrong. */
  readonly chainError: SealError | undefined;
}

/** The status of a key on a token. */
export function keyStatus({ name, state, wrongPins, outlives, certificate, problem, attended, waiting, chainError }: KeyFacts): KeyStatus {
  const asked = attended && waiting !== undefined ? waitsForPin(name, waiting) : undefined;
  const error = problem ?? asked ?? (attended || state.kind === 'active' ? undefined : state.error) ?? chainError;
  return {
    name,
    source: 'pkcs11',
    state: problem !== undefined ? 'unusable' : asked !== undefined ? 'pin-needed' : attended ? 'ready' : stateOf(state),
    ...(attended ? { individual: true as const } : {}),
    ...(waiting === undefined ? {} : { waiting }),
    ...(error === undefined ? {} : { reason: error.message, error: error.toJSON() }),
    ...(certificate === undefined ? {} : { certificate: certificate.der }),
    ...(state.kind === 'away' ? {} : describe(state.visible, wrongPins)),
    ...(state.kind === 'active' ? { activation: activationOf(state, outlives) } : {}),
  };
}

function stateOf(state: TokenState): KeyState {
  return state.kind === 'active' ? 'ready' : state.state;
}

function describe({ view }: Visible, wrongPins: number): Pick<KeyStatus, 'reader' | 'pinPad' | 'token' | 'pinTriesLeft' | 'wrongPins'> {
  return {
    reader: view.reader,
    ...(view.pinPad ? { pinPad: true as const } : {}),
    token: { label: view.label, serial: view.serial },
    ...(wrongPins === 0 ? {} : { wrongPins }),
    ...(view.pin === 'locked' ? { pinTriesLeft: 0 } : view.pin === 'last-try' ? { pinTriesLeft: 1 } : {}),
  };
}

function activationOf({ activation }: Extract<TokenState, { kind: 'active' }>, outlives: boolean): NonNullable<KeyStatus['activation']> {
  const { since, until } = activation;
  return { since, ...(until === undefined ? {} : { until }), outlives };
}

function waitsForPin(name: string, { name: document, digest }: WaitingDocument): SealError {
  return new SealError('SEAL-KEY-PIN-NEEDED', `${name}: “${document}” waits for its PIN (SHA-256 ${digest.toString('hex')})`, {
    where: name,
    hint: `“sealtree key activate ${name}” shows it again and asks for the PIN`,
  });
}
