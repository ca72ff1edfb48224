import type { ErrorReport } from '../../errors.ts';
import type { NotifyConfig } from '../../model/notify.ts';

/** What keeps a channel from its people; gone with the next message that arrives. */
export interface ChannelProblem {
  readonly channel: keyof NotifyConfig;
  /** UTC ms: nothing has arrived since. */
  readonly since: number;
  /** Messages that are tried again. */
  readonly waiting: number;
  readonly error: ErrorReport;
}
