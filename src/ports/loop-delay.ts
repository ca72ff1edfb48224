/** How late the event loop of this process came to its timers, ms, since it was asked last: what every command, card and batch waits besides its own work. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}
