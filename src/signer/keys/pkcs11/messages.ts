/**
 * What parent and card process say to each other. No PIN ever stands in a message: an IPC message leaves copies in both processes. It goes over a
 * pipe of its own (`pinDescriptor`): one octet with its length, then the PIN.
 */

/** File descriptor of the PIN pipe in the card process; 0 to 2 are standard, 3 is the IPC channel. */
export const pinDescriptor = 4;

export interface TokenSelector {
  readonly label?: string;
  readonly serial?: string;
  /** Number of the slot as the module counts; only where the module keeps it stable. */
  readonly slot?: number;
}

/** A certificate object on the token. */
export interface TokenCertificate {
  readonly id: Buffer;
  readonly label: string;
  readonly der: Buffer;
}

/** A private key object, visible after login. */
export interface TokenKey {
  readonly handle: Buffer;
  readonly id: Buffer;
  readonly label: string;
  /** CKA_ALWAYS_AUTHENTICATE: the PIN before each signature. */
  readonly alwaysAuthenticate: boolean;
  /** RSA: the public modulus, where the module shows it. */
  readonly modulus?: Buffer;
  /** EC: the point of the public key object with the same id, where there is one. */
  readonly point?: Buffer;
}

export type PinState = 'unknown' | 'low' | 'last-try' | 'locked';

export interface TokenView {
  readonly label: string;
  readonly serial: string;
  /** The slot's description: the reader. */
  readonly reader: string;
  readonly pin: PinState;
  readonly pinPad: boolean;
  readonly loggedIn: boolean;
  /** New sessions had to be opened: everything known of the token before is void. */
  readonly fresh: boolean;
}

/** A mechanism as numbers of the standard; `pss` is CK_RSA_PKCS_PSS_PARAMS. */
export interface MechanismCall {
  readonly mechanism: number;
  readonly pss?: { readonly hashAlg: number; readonly mgf: number; readonly saltLen: number };
}

/** Each call with its arguments and its answer. */
export interface Calls {
  /** Loads and initialises the module. */
  start: { readonly args: { readonly module: string; readonly sessions: number }; readonly reply: { readonly library: string } };
  /** Looks for the token and keeps its sessions open; undefined: not there. Cheap enough for once a second. */
  look: { readonly args: { readonly token: TokenSelector }; readonly reply: TokenView | undefined };
  /** What is visible without a PIN. */
  certificates: {
    readonly args: object;
    readonly reply: { readonly certificates: readonly TokenCertificate[]; readonly mechanisms: readonly number[] };
  };
  /** Logs in with the PIN that waits in the pipe; `pinPad`: the reader asks for it and nothing is in the pipe. */
  login: { readonly args: { readonly pinPad: boolean }; readonly reply: { readonly keys: readonly TokenKey[] } };
  logout: { readonly args: object; readonly reply: object };
  /** @returns raw bytes of C_Sign. `contextPin`: the PIN for this one signature waits in the pipe. */
  sign: {
    readonly args: { readonly key: Buffer; readonly mechanism: MechanismCall; readonly input: Buffer; readonly contextPin: boolean };
    readonly reply: { readonly signature: Buffer };
  };
  /** Closes everything and ends the process. */
  end: { readonly args: object; readonly reply: object };
}

export type CallName = keyof Calls;

export type Request = { readonly [K in CallName]: { readonly id: number; readonly call: K; readonly args: Calls[K]['args'] } }[CallName];

/** What went wrong in the card process: a CKR value, or the module could not be loaded. */
export interface Fault {
  /** CKR value; 0 when the module did not say one. */
  readonly rv: number;
  readonly message: string;
  /** Set when the module itself is the problem. */
  readonly module?: 'missing' | 'driver';
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly reply: Calls[CallName]['reply'] }
  | { readonly id: number; readonly ok: false; readonly fault: Fault };
