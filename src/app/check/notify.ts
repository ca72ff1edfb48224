import { channels } from '../notify/channels.ts';
import type { Service } from '../service.ts';
import { ok, tried, warning, type Finding } from './finding.ts';

/** Whether the servers for notifications are there; with `send` a message goes out on each channel. */
export async function checkNotify(
  { app }: Pick<Service, 'app'>,
  { send, signal }: { readonly send: boolean; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const { fx, config, readSecret } = app;
  if (config.notify === undefined)
    return send ? [warning('notify', 'nobody is told of anything: there is no section “notify”', 'add it to the configuration')] : [];
  const findings: Finding[] = [];
  for (const channel of channels(config.notify, { ...fx, readSecret })) {
    const what = `notify ${channel.name}`;
    findings.push(
      ...(await tried(what, async () => {
        if (!send) {
          await channel.probe(signal);
          return [ok(what, 'the server answers')];
        }
        const test = { event: 'test', subject: 'sealtree check', message: 'this is a test; nothing is wrong' } as const;
        await channel.send(
          { id: `msg_${fx.random.bytes(12).toString('hex')}`, at: fx.clock.now(), source: config.path, conditions: [test] },
          signal,
        );
        return [ok(what, 'a test message was taken')];
      })),
    );
  }
  return findings;
}
