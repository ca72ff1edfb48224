import { SealError } from '../../../errors.ts';
import { NeverAsked } from '../../../model/never-asked.ts';
import type { Fault } from './messages.ts';
import type { ErrorCode } from '../../../errors.ts';

/**
 * What follows for the card: it has left (`lost`); it is there but asks its PIN again (`logged-out`); a PIN was wrong (`refused`); the PIN is locked
 * (`locked`); device, reader or driver failed once (`fault`); the module cannot work here (`module`); only this one call was wrong (`none`).
 */
export type Consequence = 'lost' | 'logged-out' | 'refused' | 'locked' | 'fault' | 'module' | 'none';

interface Row {
  readonly code: ErrorCode;
  readonly then: Consequence;
  readonly what: string;
  readonly hint: string;
}

const lost: Omit<Row, 'what'> = {
  code: 'SEAL-KEY-ABSENT',
  then: 'lost',
  hint: 'insert the card again; the signature goes to another card or waits',
};
const device: Omit<Row, 'what'> = {
  code: 'SEAL-KEY-DEVICE',
  then: 'fault',
  hint: 'look at card, reader and driver; it is tried again by itself',
};
const wrongPin: Omit<Row, 'what'> = { code: 'SEAL-KEY-PIN-INCORRECT', then: 'refused', hint: 'enter the right PIN with “sealtree key activate”; it is not tried again by itself' }; // prettier-ignore
const mechanism: Omit<Row, 'what'> = {
  code: 'SEAL-KEY-MECHANISM',
  then: 'none',
  hint: 'choose another digest or padding in the profile, or another key',
};

/** By CKR value (PKCS#11 §5.1). */
const rows: Readonly<Record<number, Row>> = {
  3: { ...lost, what: 'the slot is gone' },
  5: { ...device, what: 'the driver reports a general error' },
  6: { ...device, what: 'the driver could not do it' },
  48: { ...device, what: 'card or reader report an error' },
  49: { ...device, what: 'the memory of the card is used up' },
  50: { ...lost, what: 'the card was removed' },
  80: {
    code: 'SEAL-KEY-PIN-NEEDED',
    then: 'logged-out',
    what: 'PIN entry was cancelled',
    hint: 'enter the PIN with “sealtree key activate”',
  },
  84: {
    code: 'SEAL-KEY-MECHANISM',
    then: 'none',
    what: 'the driver does not offer this',
    hint: 'use the program of the card’s maker for it',
  },
  96: { ...lost, what: 'the card has forgotten the key' },
  99: { ...mechanism, what: 'the key is of another kind than the mechanism' },
  104: { ...mechanism, what: 'the key is not meant for signing' },
  112: { ...mechanism, what: 'the token does not know the mechanism' },
  113: { ...mechanism, what: 'the token refuses the parameters of the mechanism' },
  130: { ...lost, what: 'the card has forgotten the key' },
  160: { ...wrongPin, what: 'the PIN is wrong' },
  161: { ...wrongPin, what: 'the PIN has characters that the card does not take' },
  162: { ...wrongPin, what: 'the PIN is too short or too long' },
  163: {
    code: 'SEAL-KEY-PIN-LOCKED',
    then: 'locked',
    what: 'the PIN has expired',
    hint: 'change the PIN with the program of the card’s maker',
  },
  164: {
    code: 'SEAL-KEY-PIN-LOCKED',
    then: 'locked',
    what: 'the PIN is locked',
    hint: 'unlock it with the PUK and the program of the card’s maker',
  },
  176: { ...lost, what: 'the session was closed' },
  179: { ...lost, what: 'the session is gone' },
  224: { ...lost, what: 'the card is not in the reader' },
  225: { ...lost, what: 'the card is not recognised' },
  257: {
    code: 'SEAL-KEY-PIN-NEEDED',
    then: 'logged-out',
    what: 'the card asks its PIN again',
    hint: 'its own limit is reached or its PIN state is lost: “sealtree key activate”',
  },
};

/**
 * The error of a call to the card process, with what follows for the card; NeverAsked for a signature that failed before C_Sign.
 * @param name of the key or token, for the message
 */
export function explain(name: string, fault: Fault): { readonly error: SealError; readonly then: Consequence } {
  if (fault.module !== undefined) return { error: moduleError(name, fault), then: 'module' };
  const row = rows[fault.rv] ?? { ...device, what: 'the driver reports an unexpected error' };
  const raw = fault.rv === 0 ? fault.message : `${fault.message} (${fault.rv})`;
  const error = new SealError(row.code, `${name}: ${row.what}: ${raw}`, { where: name, hint: row.hint });
  return { error: fault.neverAsked === true ? new NeverAsked(error) : error, then: row.then };
}

function moduleError(name: string, fault: Fault): SealError {
  const hint =
    fault.module === 'driver'
      ? 'pkcs11js is compiled at installation and needs a C++ compiler, make and Python: install them, then “npm rebuild pkcs11js”; software certificates work without'
      : 'install the driver of the card and name its .so under “module:”';
  return new SealError('SEAL-KEY-MODULE', `${name}: ${fault.message}`, { where: name, hint });
}
