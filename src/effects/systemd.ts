import { spawn } from 'node:child_process';

/** What systemd is told; without a notify socket nothing happens. */
export interface ServiceNotifier {
  /** Half the watchdog's interval in ms; undefined without a watchdog. */
  readonly watchdog: number | undefined;
  notify(state: 'READY=1' | 'STOPPING=1' | 'RELOADING=1' | 'WATCHDOG=1', status?: string): void;
}

/** sd_notify(3) by the program systemd-notify, since Node has no datagram sockets in the file system. */
export function systemdNotifier(environment: NodeJS.ProcessEnv = process.env): ServiceNotifier {
  const active = environment['NOTIFY_SOCKET'] !== undefined;
  const microseconds = Number(environment['WATCHDOG_USEC']);
  return {
    watchdog: active && microseconds > 0 ? microseconds / 2000 : undefined,
    notify: (state, status) => {
      if (!active) return;
      const child = spawn('systemd-notify', [`--pid=${process.pid}`, state, ...(status === undefined ? [] : [`STATUS=${status}`])], {
        stdio: 'ignore',
      });
      child.on('error', () => undefined);
      child.unref();
    },
  };
}
