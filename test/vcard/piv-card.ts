import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { rawSignature } from './card-key.ts';
import { readTlvs, tlv } from './tlv.ts';
import type { KeyObject } from 'node:crypto';
import type { CardSettings, CardStatistics } from './orders.ts';

/** References of keys (SP 800-73-4 Part 1, table 4b). */
export type KeyReference = '9a' | '9c';

export interface CardKey {
  readonly privateKey: KeyObject;
  /** DER */
  readonly certificate: Buffer;
}

/** Data objects (SP 800-73-4 Part 1, table 3). */
const certificateObjects: Readonly<Record<KeyReference, string>> = { '9a': '5fc105', '9c': '5fc10a' };
const chuid = '5fc102';
const application = 'a00000030800001000';
const pinReference = 0x80;
/** Longest answer to a command that knows short lengths only. */
const shortAnswer = 256;

/** Status words (ISO 7816-4 §5.6). */
const words = {
  done: '9000',
  notFound: '6a82',
  noReference: '6a88',
  wrongData: '6a80',
  blocked: '6983',
  notVerified: '6982',
  notNow: '6985',
  unknown: '6d00',
} as const;

/** A PIV card: what lies behind the contacts. Power goes and comes with `reset`; the tries that are left stay. */
export class PivCard {
  readonly settings: CardSettings;
  readonly #keys: Readonly<Record<KeyReference, CardKey>>;
  readonly #objects: ReadonlyMap<string, Buffer>;
  #triesLeft: number;
  #verified = false;
  /** The PIN was entered and nothing was signed since: what key 9C demands. */
  #fresh = false;
  #signatures = 0;
  #since = 0;
  #chain: Buffer[] = [];
  #rest: Buffer | undefined;
  readonly #counts = { verify: 0, sign: 0, commands: 0 };

  constructor(name: string, keys: Readonly<Record<KeyReference, CardKey>>, settings: CardSettings) {
    this.settings = settings;
    this.#keys = keys;
    this.#triesLeft = settings.pinTries;
    this.#objects = new Map([
      ...(['9a', '9c'] as const).map((reference) => [certificateObjects[reference], certificateObject(keys[reference])] as const),
      [chuid, holder(guidOf(name))],
    ]);
  }

  get statistics(): CardStatistics {
    return { ...this.#counts, triesLeft: this.#triesLeft };
  }

  reset(): void {
    this.#verified = this.#fresh = false;
    this.#signatures = 0;
    this.#chain = [];
    this.#rest = undefined;
  }

  /** One command APDU. @returns the answer with its status word */
  async transmit(command: Buffer): Promise<Buffer> {
    this.#counts.commands++;
    const [cla = 0, ins = 0, p1 = 0, p2 = 0] = command;
    if (ins === 0xc0) return this.#answer(this.#rest);
    this.#rest = undefined;
    const part = dataOf(command);
    if ((cla & 0x10) !== 0) {
      this.#chain.push(Buffer.from(part));
      return word('done');
    }
    const data = Buffer.concat([...this.#chain, part]);
    this.#chain = [];
    switch (ins) {
      case 0xa4:
        return this.#select(p1, data);
      case 0xcb:
        return this.#getData(data);
      case 0x20:
        return this.#verify(p1, p2, data);
      case 0x87:
        return await this.#authenticate(p2.toString(16), data);
      default:
        return word('unknown');
    }
  }

  /** What does not fit into a short answer is fetched with GET RESPONSE. */
  #answer(data: Buffer | undefined): Buffer {
    this.#rest = undefined;
    if (data === undefined) return word('notNow');
    if (data.length <= shortAnswer) return Buffer.concat([data, word('done')]);
    this.#rest = data.subarray(shortAnswer);
    return Buffer.concat([data.subarray(0, shortAnswer), Buffer.from([0x61, Math.min(this.#rest.length, shortAnswer) & 0xff])]);
  }

  #select(p1: number, data: Buffer): Buffer {
    const wanted = data.toString('hex');
    if (p1 !== 4 || !wanted.startsWith(application.slice(0, Math.min(application.length, wanted.length)))) return word('notFound');
    return this.#answer(tlv('61', Buffer.from('4f0600001000010079074f05a000000308', 'hex')));
  }

  #getData(data: Buffer): Buffer {
    const object = this.#objects.get(readTlvs(data).get(0x5c)?.toString('hex') ?? '');
    return object === undefined ? word('notFound') : this.#answer(object);
  }

  #verify(p1: number, p2: number, data: Buffer): Buffer {
    if (p2 !== pinReference) return word('noReference');
    if (p1 === 0xff) {
      this.#verified = this.#fresh = false;
      return word('done');
    }
    if (this.#triesLeft === 0) return word('blocked');
    if (data.length === 0) return this.#isVerified() ? word('done') : this.#wrong();
    this.#counts.verify++;
    if (data.toString('latin1').replace(/\xff+$/, '') !== this.settings.pin) {
      this.#triesLeft--;
      this.#verified = this.#fresh = false;
      return this.#triesLeft === 0 ? word('blocked') : this.#wrong();
    }
    this.#triesLeft = this.settings.pinTries;
    this.#verified = this.#fresh = true;
    this.#signatures = 0;
    this.#since = Date.now();
    return word('done');
  }

  #wrong(): Buffer {
    return Buffer.from([0x63, 0xc0 | this.#triesLeft]);
  }

  #isVerified(): boolean {
    const { maxSeconds, maxSignatures } = this.settings;
    return (
      this.#verified &&
      (maxSeconds === undefined || Date.now() - this.#since < maxSeconds * 1000) &&
      (maxSignatures === undefined || this.#signatures < maxSignatures)
    );
  }

  /** GENERAL AUTHENTICATE (SP 800-73-4 Part 2 §3.2.4) with a challenge: a signature. */
  async #authenticate(reference: string, data: Buffer): Promise<Buffer> {
    if (reference !== '9a' && reference !== '9c') return word('noReference');
    const challenge = readTlvs(readTlvs(data).get(0x7c) ?? Buffer.alloc(0)).get(0x81);
    if (challenge === undefined) return word('wrongData');
    if (reference === '9c' ? !this.#fresh : !this.#isVerified()) {
      this.#verified = this.#fresh = false;
      return word('notVerified');
    }
    const { delayMs, failSign } = this.settings;
    if (delayMs > 0) await sleep(delayMs);
    if (failSign !== undefined) return Buffer.from(failSign, 'hex');
    this.#fresh = false;
    this.#signatures++;
    this.#counts.sign++;
    return this.#answer(tlv('7c', tlv('82', rawSignature(this.#keys[reference].privateKey, challenge))));
  }
}

/** Sixteen octets that differ from card to card: OpenSC takes the serial number from them. */
function guidOf(name: string): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, 16);
}

/** The serial number of a card with this name, as OpenSC shows it. */
export function serialOf(name: string): string {
  return guidOf(name).toString('hex', 1, 9);
}

function certificateObject({ certificate }: CardKey): Buffer {
  return tlv('53', tlv('70', certificate), Buffer.from('710100fe00', 'hex'));
}

/** Card Holder Unique Identifier (SP 800-73-4 Part 1 §3.1.2). */
function holder(guid: Buffer): Buffer {
  return tlv(
    '53',
    tlv('30', guid, guid.subarray(0, 9)),
    tlv('34', guid),
    tlv('35', Buffer.from('20450101')),
    Buffer.from('3e00fe00', 'hex'),
  );
}

function word(name: keyof typeof words): Buffer {
  return Buffer.from(words[name], 'hex');
}

/** Command data with short or extended length (ISO 7816-4 §5.1). */
function dataOf(command: Buffer): Buffer {
  if (command.length <= 5) return Buffer.alloc(0);
  const short = command.readUInt8(4);
  if (short !== 0) return command.subarray(5, 5 + short);
  return command.length > 7 ? command.subarray(7, 7 + command.readUInt16BE(5)) : Buffer.alloc(0);
}
