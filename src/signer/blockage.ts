import { SealError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { KeyStatus } from '../ports/keys.ts';

/** A key that cannot sign now, and why. */
export interface Blocked {
  readonly name: string;
  readonly status: KeyStatus;
  /** Why the pool does not use it although its source says it could. */
  readonly reason?: SealError;
}

/** What a person can do something about soonest comes first. */
const order: readonly ErrorCode[] = [
  'SEAL-KEY-PIN-NEEDED',
  'SEAL-KEY-LIMIT',
  'SEAL-KEY-STACK',
  'SEAL-KEY-PIN-INCORRECT',
  'SEAL-KEY-PIN-LAST-TRY',
  'SEAL-KEY-ABSENT',
  'SEAL-KEY-DEVICE',
  'SEAL-SIGN-BAD',
];

/**
 * Why nothing can be signed now, in one error: the most helpful of the reasons, with all keys named in the message. Retryable: a batch waits.
 * @param blocked the keys a batch may use, none of which can sign
 */
export function explainBlockage(blocked: readonly Blocked[]): SealError {
  const errors = blocked.map(errorOf);
  const rank = (error: SealError): number => (order.includes(error.code) ? order.indexOf(error.code) : order.length);
  const [first] = [...errors].sort((a, b) => rank(a) - rank(b));
  if (first === undefined) return new SealError('SEAL-KEY-UNKNOWN', 'no key is named', { retryable: true });
  const message = errors.map((error) => error.message).join('; ');
  return new SealError(first.code, message, {
    where: blocked.map(({ name }) => name).join(', '),
    retryable: true,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}

function errorOf({ name, status, reason }: Blocked): SealError {
  if (reason !== undefined) return reason;
  if (status.error !== undefined) return SealError.from(status.error);
  const code: ErrorCode =
    status.state === 'pin-needed' ? 'SEAL-KEY-PIN-NEEDED' : status.state === 'absent' ? 'SEAL-KEY-ABSENT' : 'SEAL-KEY-DEVICE';
  return new SealError(code, `${name}: ${status.reason ?? status.state}`, { where: name, hint: 'see “sealtree key list”' });
}
