import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { ProcessIdentity } from './peer.ts';

/*
 * What a card process leaves in the private directory `run/` for the next daemon, mode 0600. `<id>.card`: while it runs, how to find it and the secret
 * that both sides prove. `<id>-<n>.last`: its last words, when it ended without a daemon. <id> stands for a token and its module.
 */

/** Raised when messages between daemon and card process change: processes of another one are ended in order. */
export const protocol = 1;

export interface CardRecord extends ProcessIdentity {
  readonly protocol: number;
  /** File name of the socket in the same directory. */
  readonly socket: string;
  /** Hexadecimal. */
  readonly secret: string;
  /** Fingerprint of what it was started with. */
  readonly configuration: string;
}

/** A signature that was made and that no daemon has confirmed. */
export interface UnclaimedSignature {
  /** As `SigningCall.request`. */
  readonly request: string;
  /** What C_Sign gave, base64. */
  readonly raw: string;
  /** CKM number. */
  readonly mechanism: number;
}

export interface LastWords {
  /** UTC ms. */
  readonly at: number;
  readonly why: string;
  /** Whether an activation was lost with it. */
  readonly active: boolean;
  readonly signatures: readonly UnclaimedSignature[];
}

const maxBytes = 2 ** 23;
const recordName = /^(?<id>[0-9a-f]+)\.card$/;
const socketName = /^(?<id>[0-9a-f]+)-[0-9a-f]+\.sock$/;

export function writeRecord(directory: string, id: string, record: CardRecord): void {
  write(`${directory}/${id}.card`, record);
}

/** @param socket name of its socket, which tells this card process from others of the same token */
export function writeLastWords(directory: string, socket: string, words: LastWords): void {
  write(`${directory}/${lastName(socket)}`, words);
}

export function removeRecord(directory: string, id: string): void {
  remove(`${directory}/${id}.card`);
}

/** Removes a socket that nobody listens on any more. */
export function removeSocket(directory: string, socket: string): void {
  if (socketName.test(socket)) remove(`${directory}/${socket}`);
}

/** Ids of all records; empty when the directory is not there. */
export function recordIds(directory: string): string[] {
  return list(directory).flatMap((name) => recordName.exec(name)?.groups?.['id'] ?? []);
}

/** @returns undefined when there is none that can be believed: directory or file are not ours, or others can read them */
export function readRecord(directory: string, id: string): CardRecord | undefined {
  const value = readPrivate(directory, `${id}.card`);
  return isRecord(value) ? value : undefined;
}

/** Last words of card processes of a token, each with the name of its file. */
export function readLastWords(directory: string, id: string): { readonly file: string; readonly words: LastWords }[] {
  return list(directory)
    .filter((name) => name.startsWith(`${id}-`) && name.endsWith('.last'))
    .flatMap((file) => {
      const words = readPrivate(directory, file);
      return isLastWords(words) ? [{ file, words }] : [];
    });
}

/** @param file as `readLastWords` names it */
export function removeLastWords(directory: string, file: string): void {
  remove(`${directory}/${file}`);
}

/** Whether the socket of a record is one, and ours. */
export function isOwnSocket(directory: string, { socket }: CardRecord): boolean {
  try {
    const info = lstatSync(`${directory}/${socket}`);
    return info.isSocket() && isPrivate(info);
  } catch {
    return false;
  }
}

function lastName(socket: string): string {
  return `${socket.slice(0, -'.sock'.length)}.last`;
}

function write(path: string, value: object): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readPrivate(directory: string, name: string): unknown {
  try {
    const place = lstatSync(directory);
    if (!place.isDirectory() || !isPrivate(place)) return undefined;
    const descriptor = openSync(`${directory}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const info = fstatSync(descriptor);
      if (!info.isFile() || !isPrivate(info) || info.size > maxBytes) return undefined;
      return JSON.parse(readFileSync(descriptor, 'utf8')) as unknown;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** Sockets have the mode that umask left; their directory is what keeps others out. */
function isPrivate({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & 0o077) === 0;
}

type Fields = Readonly<Record<string, unknown>>;

/** The file is ours and private; another version may have written it. */
function isRecord(value: unknown): value is CardRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, protocol: version, started, secret, configuration, socket } = value as Fields;
  const texts = [started, secret, configuration];
  const known = typeof pid === 'number' && typeof version === 'number' && typeof socket === 'string';
  return known && socketName.test(socket) && texts.every((text) => typeof text === 'string');
}

function isLastWords(value: unknown): value is LastWords {
  if (typeof value !== 'object' || value === null) return false;
  const { at, why, active, signatures } = value as Fields;
  if (typeof at !== 'number' || typeof why !== 'string' || typeof active !== 'boolean' || !Array.isArray(signatures)) return false;
  return signatures.every((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return false;
    const { request, raw, mechanism } = entry as Fields;
    return typeof request === 'string' && typeof raw === 'string' && typeof mechanism === 'number';
  });
}
