import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What came, as it came. */
export interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ToldEvent {
  readonly event: string;
  readonly subject: string;
  readonly message: string;
  readonly hint?: string;
  readonly batch?: { readonly id: string; readonly path: string };
}

export interface WebhookReceiver {
  readonly url: string;
  /** Posts that were answered, or left without an answer. */
  readonly deliveries: Delivery[];
  /** Status of its answers; `never`: it takes the request and says nothing. */
  answer: number | 'never';
}

/** Somebody who is told, on loopback. @param cleanup ends it */
export async function webhookReceiver(cleanup: (end: () => void) => void): Promise<WebhookReceiver> {
  const deliveries: Delivery[] = [];
  const reply = (response: ServerResponse): void => {
    if (receiver.answer !== 'never') response.writeHead(receiver.answer).end();
  };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.method === 'POST') deliveries.push({ headers: request.headers, body: Buffer.concat(parts) });
      reply(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  const receiver: WebhookReceiver = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, deliveries, answer: 204 };
  return receiver;
}

/** What a delivery tells. */
export function eventsOf({ body }: Delivery): readonly ToldEvent[] {
  return (JSON.parse(body.toString()) as { readonly data: { readonly events: readonly ToldEvent[] } }).data.events;
}

/** The signature that the Standard Webhooks specification asks for. */
export function expectedSignature({ headers, body }: Delivery, secret: Buffer): string {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body.toString()}`;
  return `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
}
