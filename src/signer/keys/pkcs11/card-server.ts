import { randomBytes } from 'node:crypto';
import { writeSync, closeSync } from 'node:fs';
import { createServer } from 'node:net';
import { answerSize, challenge, checkAnswer, helloSize, nonceSize, readHello } from './handshake.ts';
import { readyDescriptor } from './messages.ts';
import { asFault } from './module.ts';
import { identify, isOwn } from './peer.ts';
import { protocol, readRecord, removeRecord, removeSocket, writeLastWords, writeRecord } from './records.ts';
import { encodeFrame, FrameReader } from './wire.ts';
import type { Server, Socket } from 'node:net';
import type { CardService } from './card-service.ts';
import type { Answer, Request, Setup } from './messages.ts';
import type { Clock, Timer } from '../../../ports/clock.ts';

/** ms a peer has to prove itself, and the first daemon to come at all. */
const handshakeMs = 5_000;
const firstVisitMs = 30_000;
const lookMs = 1_000;

/**
 * The socket of a card process, and its life: it serves one daemon after the other. While there is none it looks itself whether the card is still
 * there and active, and ends when nothing is worth keeping or the time is over, with last words for the next daemon.
 */
export class CardServer {
  readonly #setup: Setup;
  readonly #service: CardService;
  readonly #clock: Clock;
  readonly #server: Server;
  #daemon: Socket | undefined;
  #alone: { readonly since: number; readonly timer: Timer } | undefined;
  #ending = false;

  constructor(setup: Setup, service: CardService, clock: Clock) {
    this.#setup = setup;
    this.#service = service;
    this.#clock = clock;
    this.#server = createServer((socket) => {
      this.#visited(socket);
    });
  }

  /** Listens, writes the record, and tells the daemon that started it. The working directory is the private one: addresses stay short. */
  listen(): void {
    const { directory, id, socket, secret, configuration } = this.#setup;
    this.#server.listen(socket, () => {
      const self = identify(process.pid);
      const started = self?.started ?? '';
      writeRecord(directory, id, { pid: process.pid, started, protocol, socket, secret, configuration });
      writeSync(readyDescriptor, '\n');
      closeSync(readyDescriptor);
      this.#clock.after(firstVisitMs, () => {
        if (this.#daemon === undefined && this.#alone === undefined) this.#end('no daemon came', false);
      });
    });
  }

  /** Ends in order: what is in progress is finished and answered first. @param active whether the next daemon should hear of an activation lost */
  async stop(why: string, active = this.#service.active): Promise<void> {
    this.#server.close();
    await this.#service.idle();
    // The answers to what has just ended are written in this turn.
    await this.#clock.sleep(0);
    this.#end(why, active);
  }

  #visited(socket: Socket): void {
    const secret = Buffer.from(this.#setup.secret, 'hex');
    const nonce = randomBytes(nonceSize);
    const impatience = this.#clock.after(handshakeMs, () => socket.destroy());
    let held: Buffer = Buffer.alloc(0);
    let caller: ReturnType<typeof readHello>;
    const proving = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      if (caller === undefined) {
        if (held.length < helloSize) return;
        caller = readHello(held.subarray(0, helloSize));
        if (caller === undefined || held.length > helloSize || !isOwn(caller.pid)) {
          socket.destroy();
          return;
        }
        held = Buffer.alloc(0);
        socket.write(challenge(secret, { daemon: caller.nonce, card: nonce, pid: caller.pid }));
        return;
      }
      if (held.length < answerSize) return;
      impatience.cancel();
      socket.off('data', proving);
      const numbers = { daemon: caller.nonce, card: nonce, pid: caller.pid };
      if (!checkAnswer(secret, held.subarray(0, answerSize), numbers)) {
        socket.destroy();
        return;
      }
      this.#serve(socket, held.subarray(answerSize));
    };
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      impatience.cancel();
    });
    socket.on('data', proving);
  }

  /** A daemon that has proven itself takes the place of the one before. */
  #serve(socket: Socket, first: Buffer): void {
    this.#daemon?.destroy();
    this.#daemon = socket;
    this.#alone?.timer.cancel();
    this.#alone = undefined;
    const reader = new FrameReader();
    const read = (chunk: Buffer): void => {
      try {
        for (const request of reader.push(chunk)) void this.#answer(socket, request as Request);
      } catch {
        socket.destroy();
      }
    };
    socket.on('data', read);
    socket.once('close', () => {
      if (this.#daemon === socket) this.#left();
    });
    if (first.length > 0) read(first);
  }

  async #answer(socket: Socket, { id, call, args }: Request): Promise<void> {
    if (call === 'end') {
      socket.end(encodeFrame({ id, ok: true, reply: {} } satisfies Answer));
      await this.stop('the daemon ended it', false);
      return;
    }
    let message: Answer;
    try {
      message = { id, ok: true, reply: await this.#service.handle(call, args) };
    } catch (thrown) {
      message = { id, ok: false, fault: asFault(thrown) };
    }
    if (socket.writable) socket.write(encodeFrame(message));
  }

  #left(): void {
    this.#daemon = undefined;
    if (this.#ending) return;
    const since = this.#clock.monotonic();
    this.#alone = { since, timer: this.#clock.every(lookMs, () => { this.#watch(since); }) }; // prettier-ignore
    this.#watch(since);
  }

  /** Without a daemon, each second. A signature in progress is always finished. */
  #watch(since: number): void {
    const { directory, id } = this.#setup;
    if (this.#service.busy) return;
    const { active } = this.#service;
    const why = this.#service.lost();
    if (why !== undefined) this.#end(why, active);
    else if (this.#clock.monotonic() - since >= this.#service.keepAlive) this.#end('no daemon came back within “keepAlive”', active);
    else if (readRecord(directory, id)?.pid !== process.pid) this.#end('its record is gone', active);
  }

  #end(why: string, active: boolean): void {
    if (this.#ending) return;
    this.#ending = true;
    const { directory, id, socket } = this.#setup;
    const signatures = this.#service.unclaimed();
    try {
      if (active || signatures.length > 0) writeLastWords(directory, socket, { at: this.#clock.now(), why, active, signatures });
      removeRecord(directory, id);
      removeSocket(directory, socket);
    } catch {
      // The directory is gone: there is nobody to tell.
    }
    this.#service.close();
    // What was answered is on its way first.
    const daemon = this.#daemon;
    if (daemon === undefined) process.exit(0);
    daemon.once('close', () => process.exit(0));
    daemon.end();
    this.#clock.after(lookMs, () => process.exit(0));
  }
}
