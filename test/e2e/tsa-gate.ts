import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { House } from './house.ts';

/** Stands between a house and its timestamp authority. */
export interface TsaGate {
  /** Shut, nobody answers. */
  open: boolean;
  /** ms before an answer goes back. */
  delay: number;
  close(): void;
}

/** Takes the place of the authority `evaluation` in the configuration; whoever starts it closes it. */
export async function startTsaGate(house: House): Promise<TsaGate> {
  const target = house.setting('tsas', 'evaluation', 'url');
  const server = createServer((incoming, answer) => {
    if (!gate.open) {
      incoming.socket.destroy();
      return;
    }
    const outgoing = request(target, { method: incoming.method, headers: incoming.headers }, (reply) => {
      setTimeout(() => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      }, gate.delay);
    });
    outgoing.on('error', () => incoming.socket.destroy());
    incoming.pipe(outgoing);
  });
  const gate: TsaGate = {
    open: true,
    delay: 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  house.edit((settings) => {
    settings.setIn(['tsas', 'evaluation', 'url'], `http://127.0.0.1:${port}/tsa`);
  });
  return gate;
}
