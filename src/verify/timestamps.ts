import { SealError } from '../errors.ts';
import { parseTimestampToken, type TimestampToken } from '../formats/tsp.ts';
import { judgeTimestamp, type TimestampInputs } from '../pki/timestamps.ts';
import type { TimestampReport } from '../model/verification.ts';
import type { VerifyContext } from './context.ts';

/** The verdict on one token at one time. */
export interface TokenVerdict {
  readonly report: TimestampReport;
  /** UTC ms; undefined when the token cannot be read. */
  readonly genTime: number | undefined;
  /** UTC ms: end of its certificates or of the algorithms it rests on, whichever is first. */
  readonly provesUntil: number;
}

/** What a token is judged against; see `TimestampInputs`. */
export type TokenQuestion = Pick<TimestampInputs, 'kind' | 'at' | 'imprint' | 'pool'>;

/** Reads and judges a TimeStampToken. Hostile input: a malformed one is a report. */
export function verifyToken(context: VerifyContext, token: Buffer, question: TokenQuestion): TokenVerdict {
  try {
    return judgeToken(context, parseTimestampToken(token), question);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return { report: unreadable(question.kind, error.message), genTime: undefined, provesUntil: -Infinity };
  }
}

/** Judges a token, with the certificates that the configuration knows besides its own; remembers which revocation data it lacked. */
export function judgeToken(context: VerifyContext, token: TimestampToken, question: TokenQuestion): TokenVerdict {
  const { trust } = context;
  const { pool } = question;
  const certificates = [...(pool?.certificates ?? []), ...context.known];
  const { certificate, chain, provesUntil, report } = judgeTimestamp(token, { ...question, trust, pool: { ...pool, certificates } });
  if (certificate) context.met(certificate);
  if (chain) context.note(chain);
  return { report, genTime: token.genTime, provesUntil };
}

function unreadable(kind: TimestampReport['kind'], message: string): TimestampReport {
  return {
    kind,
    indication: 'FAILED',
    subIndication: 'FORMAT_FAILURE',
    genTime: '',
    messageImprint: { algorithm: 'sha256', value: '' },
    intact: false,
    valid: false,
    trusted: false,
    chain: { indication: 'INDETERMINATE', certificates: [], revocation: [], errors: [], warnings: [] },
    errors: [message],
  };
}
