import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'node:net';
import type { PivCard } from './piv-card.ts';

/** First port of the reader; its second slot has the next one. */
const firstPort = 35963;

/** Control octets of vpcd; everything longer is a command APDU. */
const control = { off: 0, on: 1, reset: 2, atr: 4 } as const;

/** pcscd's description of a reader with two slots (reader.conf(5)). @param library libifdvpcd.so */
export function readerConfiguration(library: string): string {
  const port = `0x${firstPort.toString(16).toUpperCase()}`;
  return `FRIENDLYNAME "Virtual Reader"\nDEVICENAME   /dev/null:${port}\nLIBPATH      ${library}\nCHANNELID    ${port}\n`;
}

/** A card before a slot of the reader. vpcd listens on a port for each slot; a connection is a card that is in. */
export class ReaderSlot {
  readonly #port: number;
  readonly #card: PivCard;
  #socket: Socket | undefined;
  #inserted = false;

  constructor(slot: number, card: PivCard) {
    this.#port = firstPort + slot;
    this.#card = card;
  }

  get inserted(): boolean {
    return this.#inserted;
  }

  /** Resolves when the reader has it; while there is no reader, it is tried again. */
  async insert(): Promise<void> {
    this.#inserted = true;
    while (this.#waits()) {
      this.#card.reset();
      const socket = await connected(this.#port);
      if (socket === undefined) await sleep(50);
      else this.#serve(socket);
    }
  }

  #waits(): boolean {
    return this.#inserted && this.#socket === undefined;
  }

  remove(): void {
    this.#inserted = false;
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#card.reset();
  }

  /** Frames of two octets length and a message, answered one after the other. */
  #serve(socket: Socket): void {
    this.#socket = socket;
    let received = Buffer.alloc(0);
    let tail: Promise<void> = Promise.resolve();
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      // The reader has left (pcscd ended): the card waits for it.
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      if (this.#inserted) void this.insert();
    });
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let length; received.length >= 2 && received.length >= 2 + (length = received.readUInt16BE(0));) {
        const message = Buffer.from(received.subarray(2, 2 + length));
        received = received.subarray(2 + length);
        tail = tail.then(() => this.#message(socket, message));
      }
    });
  }

  async #message(socket: Socket, message: Buffer): Promise<void> {
    const [octet] = message;
    if (message.length === 1 && octet !== control.atr) this.#card.reset();
    else reply(socket, message.length === 1 ? answerToReset() : await this.#card.transmit(message));
  }
}

function connected(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
      .once('connect', () => {
        resolve(socket);
      })
      .once('error', () => {
        resolve(undefined);
      });
  });
}

function reply(socket: Socket, answer: Buffer): void {
  const frame = Buffer.alloc(2 + answer.length);
  frame.writeUInt16BE(answer.length);
  answer.copy(frame, 2);
  if (!socket.destroyed) socket.write(frame);
}

/** ISO 7816-3 §8: direct convention, T=0 and T=1, eight historical octets, check octet. */
function answerToReset(): Buffer {
  const historical = Buffer.from('VPIVCARD');
  const body = Buffer.concat([Buffer.from([0x80 | historical.length, 0x80, 0x01]), historical]);
  return Buffer.concat([Buffer.from([0x3b]), body, Buffer.from([body.reduce((sum, octet) => sum ^ octet, 0)])]);
}
