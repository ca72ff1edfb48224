import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';

export interface SmtpOptions {
  /** Offers STARTTLS with this. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Demands AUTH PLAIN with these. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Says this instead of taking a message, such as `451 later`. */
  refuse: string | undefined;
  /** Says nothing at all. */
  readonly mute?: boolean;
  /** Greets without an end: a line each so many ms. */
  readonly drip?: number;
}

export interface SmtpServer {
  readonly port: number;
  readonly messages: string[];
  /** Commands, and whether they came over TLS. */
  readonly seen: { readonly command: string; readonly secure: boolean }[];
  /** Resolves when so many have connected. */
  connections(count: number): Promise<void>;
}

/** A mail server on loopback (RFC 5321, RFC 3207, RFC 4954), as much of one as tests need. @param cleanup ends it */
export async function smtpServer(options: SmtpOptions, cleanup: (end: () => void) => void): Promise<SmtpServer> {
  const messages: string[] = [];
  const seen: { command: string; secure: boolean }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (options.mute === true) return;
    if (options.drip !== undefined) {
      const drops = setInterval(() => socket.write('220-wait\r\n'), options.drip);
      socket.on('close', () => {
        clearInterval(drops);
      });
      return;
    }
    socket.write('220 test\r\n');
    converse(socket, false);
  });
  const converse = (socket: Socket, secure: boolean): void => {
    let text = '';
    let data: string | undefined;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (data === undefined) {
          seen.push({ command: line, secure });
          if (line === 'DATA') data = '';
          answer(socket, line, secure);
        } else if (line === '.') {
          messages.push(data);
          data = undefined;
          socket.write('250 taken\r\n');
        } else data += `${line}\n`;
      }
    });
  };
  const answer = (socket: Socket, line: string, secure: boolean): void => {
    const [word = ''] = line.toUpperCase().split(' ');
    if (word === 'EHLO') {
      const features = [
        ...(options.tls !== undefined && !secure ? ['STARTTLS'] : []),
        ...(options.login === undefined ? [] : ['AUTH PLAIN']),
      ];
      socket.write(['test', ...features].map((one, index, all) => `250${index === all.length - 1 ? ' ' : '-'}${one}\r\n`).join(''));
    } else if (word === 'STARTTLS' && options.tls !== undefined) {
      socket.write('220 go\r\n');
      socket.removeAllListeners('data');
      converse(new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(options.tls) }), true);
    } else if (word === 'AUTH') {
      const { user = '', password = '' } = options.login ?? {};
      const good = line === `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`;
      socket.write(good ? '235 welcome\r\n' : '535 no\r\n');
    } else if (word === 'RCPT' && options.refuse !== undefined) socket.write(`${options.refuse}\r\n`);
    else if (word === 'DATA') socket.write('354 go\r\n');
    else if (word === 'QUIT') socket.end('221 bye\r\n');
    else socket.write('250 ok\r\n');
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    seen,
    connections: async (count) => {
      while (sockets.size < count) await once(server, 'connection');
    },
  };
}
