import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Daemon and card process prove to each other that they know the secret of this card process, over fresh numbers of both sides, before either
 * believes a word. Three messages of fixed length; they never change, so that each version can tell the other one's processes:
 *
 *   daemon → card    magic (4) ‖ number of the daemon (32) ‖ its pid (u32)
 *   card → daemon    number of the card process (32) ‖ HMAC(secret, "card" ‖ both numbers ‖ pid)
 *   daemon → card    HMAC(secret, "daemon" ‖ both numbers ‖ pid)
 */
const magic = Buffer.from('SLC1', 'latin1');
export const nonceSize = 32;
const proofSize = 32;

export const helloSize = magic.length + nonceSize + 4;
export const challengeSize = nonceSize + proofSize;
export const answerSize = proofSize;

interface Numbers {
  readonly daemon: Buffer;
  readonly card: Buffer;
  readonly pid: number;
}

/** First message. @param nonce 32 fresh random bytes */
export function hello(nonce: Buffer, pid: number): Buffer {
  const message = Buffer.alloc(helloSize);
  magic.copy(message);
  nonce.copy(message, magic.length);
  message.writeUInt32BE(pid, magic.length + nonceSize);
  return message;
}

/** Undefined when it is something else. @param message `helloSize` bytes */
export function readHello(message: Buffer): { readonly nonce: Buffer; readonly pid: number } | undefined {
  if (message.length !== helloSize || !message.subarray(0, magic.length).equals(magic)) return undefined;
  const end = magic.length + nonceSize;
  return { nonce: Buffer.from(message.subarray(magic.length, end)), pid: message.readUInt32BE(end) };
}

/** Second message. */
export function challenge(secret: Buffer, numbers: Numbers): Buffer {
  return Buffer.concat([numbers.card, proof(secret, 'card', numbers)]);
}

/** @returns the number of the card process, when it knows the secret. @param message `challengeSize` bytes */
export function checkChallenge(secret: Buffer, message: Buffer, daemon: Buffer, pid: number): Buffer | undefined {
  const card = Buffer.from(message.subarray(0, nonceSize));
  return same(message.subarray(nonceSize), proof(secret, 'card', { daemon, card, pid })) ? card : undefined;
}

/** Third message. */
export function answer(secret: Buffer, numbers: Numbers): Buffer {
  return proof(secret, 'daemon', numbers);
}

export function checkAnswer(secret: Buffer, message: Buffer, numbers: Numbers): boolean {
  return same(message, proof(secret, 'daemon', numbers));
}

function proof(secret: Buffer, who: 'card' | 'daemon', { daemon, card, pid }: Numbers): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(pid);
  return createHmac('sha256', secret).update(who).update(daemon).update(card).update(id).digest();
}

function same(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
