import { readCertificates } from './objects.ts';
import type pkcs11js from 'pkcs11js';
import type { Loaded } from './module.ts';
import type { TokenCertificate } from './messages.ts';

/** A token as it is seen without a PIN. */
export interface SeenToken {
  /** The slot's description. */
  readonly reader: string;
  /** Number of the slot, as this process counts. */
  readonly slot: number;
  readonly label: string;
  readonly serial: string;
  /** Undefined: as told before. */
  readonly certificates?: readonly TokenCertificate[];
}

export interface Seen {
  /** Every reader, whether something is in it or not. */
  readonly readers: readonly string[];
  readonly tokens: readonly SeenToken[];
}

/**
 * All readers and tokens that a module shows. A token that cannot be read (it is being pulled, it is of an unknown kind) is left out.
 * @param known `nameOf` of tokens whose certificates need not be read again
 */
export function lookAround({ api, module }: Loaded, known: ReadonlySet<string>): Seen {
  drainSlotEvents({ api, module });
  const tokens = module.C_GetSlotList(true).flatMap((slot) => {
    try {
      return [readToken({ api, module }, slot, known)].filter((token) => token !== undefined);
    } catch {
      return [];
    }
  });
  const readers = module.C_GetSlotList(false).flatMap((slot) => {
    try {
      return [readerOf(module, slot)];
    } catch {
      return [];
    }
  });
  return { readers: [...new Set(readers)], tokens };
}

/** Tells a token in a reader from others, and from another one put in there later. */
export function nameOf({ reader, serial, label }: Pick<SeenToken, 'reader' | 'serial' | 'label'>): string {
  return JSON.stringify([reader, serial, label]);
}

/** OpenSC notices readers and cards when it is asked for events; they arrive without a change and are missed, so they say nothing by themselves. */
export function drainSlotEvents({ api, module }: Loaded): void {
  try {
    while (module.C_WaitForSlotEvent(api.CKF_DONT_BLOCK) !== null);
  } catch {
    // Not every module has events.
  }
}

function readToken({ api, module }: Loaded, slot: pkcs11js.Handle, known: ReadonlySet<string>): SeenToken | undefined {
  const info = module.C_GetTokenInfo(slot);
  if ((info.flags & api.CKF_TOKEN_INITIALIZED) === 0) return undefined;
  const token = {
    reader: readerOf(module, slot),
    slot: Number(slot.readBigUInt64LE()),
    label: info.label.trim(),
    serial: info.serialNumber.trim(),
  };
  if (known.has(nameOf(token))) return token;
  const session = module.C_OpenSession(slot, api.CKF_SERIAL_SESSION);
  try {
    return { ...token, certificates: readCertificates(api, module, session) };
  } finally {
    module.C_CloseSession(session);
  }
}

function readerOf(module: pkcs11js.PKCS11, slot: pkcs11js.Handle): string {
  return module.C_GetSlotInfo(slot).slotDescription.trim();
}
