/**
 * What daemon and card process say to each other over the socket of the card process. No PIN ever stands in a message, which would leave copies in
 * both processes: a message names the door behind which it waits (effects/secret-door).
 */

/** What a card process is told at its start, over its standard input. */
export interface Setup {
  /** Where record and socket lie; private. Absolute. */
  readonly directory: string;
  /** Name of its record. */
  readonly id: string;
  /** File name of its socket. */
  readonly socket: string;
  /** Hexadecimal. */
  readonly secret: string;
  /** For the record. */
  readonly configuration: string;
  /** ms an activated card stays without a daemon; 0: it ends with it. */
  readonly keepAlive: number;
}

/** File descriptor on which a card process tells that its socket listens. */
export const readyDescriptor = 3;

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
  /** The reader asks for the PIN. */
  readonly pinPad: boolean;
  /** Why the pad that the reader has cannot be used. */
  readonly padProblem?: string;
  readonly loggedIn: boolean;
  /** New sessions had to be opened: everything known of the token before is void. */
  readonly fresh: boolean;
}

/** A mechanism as numbers of the standard; `pss` is CK_RSA_PKCS_PSS_PARAMS. */
export interface MechanismCall {
  readonly mechanism: number;
  readonly pss?: { readonly hashAlg: number; readonly mgf: number; readonly saltLen: number };
}

/** An activation as the card process keeps it; times are the daemon's. */
export interface CardActivation {
  readonly keys: readonly TokenKey[];
  /** UTC ms. */
  readonly since: number;
  readonly until?: number;
}

/** What a daemon takes over. */
export interface Inheritance {
  readonly activation?: CardActivation;
  /** The token as it was seen last. */
  readonly view?: TokenView;
}

/** What became of a request that a daemon may have forgotten: C_Sign's raw bytes, its error, or it never came here. */
export type ClaimedResult =
  | { readonly request: string; readonly kind: 'made'; readonly raw: Buffer; readonly mechanism: number }
  | { readonly request: string; readonly kind: 'failed'; readonly fault: Fault }
  | { readonly request: string; readonly kind: 'never' };

/** Each call with its arguments and its answer. */
export interface Calls {
  /** Loads and initialises the module. */
  start: { readonly args: { readonly module: string; readonly sessions: number }; readonly reply: { readonly library: string } };
  /** A daemon takes the process over; one that stays says how long the card may be without it. */
  adopt: { readonly args: { readonly keepAlive?: number }; readonly reply: Inheritance };
  /** Looks for the token and keeps its sessions open; undefined: not there. Cheap enough for once a second. */
  look: { readonly args: { readonly token: TokenSelector }; readonly reply: TokenView | undefined };
  /** What is visible without a PIN. */
  certificates: {
    readonly args: object;
    readonly reply: { readonly certificates: readonly TokenCertificate[]; readonly mechanisms: readonly number[] };
  };
  /** Logs in with the PIN behind `door`; without one the reader asks for it. `since` and `lasts` (ms) describe the activation that begins; `once`: none does. */
  login: {
    readonly args: { readonly door?: string; readonly since: number; readonly lasts?: number; readonly once: boolean };
    readonly reply: { readonly keys: readonly TokenKey[] };
  };
  logout: { readonly args: object; readonly reply: object };
  /** @returns raw bytes of C_Sign. `door`: where the PIN for this one signature is. The same request with the same input is not made twice. */
  sign: {
    readonly args: {
      readonly key: Buffer;
      readonly mechanism: MechanismCall;
      readonly input: Buffer;
      readonly door?: string;
      /** The reader asks for the PIN of this one signature. */
      readonly atReader?: boolean;
      readonly request?: string;
    };
    readonly reply: { readonly signature: Buffer };
  };
  /** Waits for those in progress. */
  claim: {
    readonly args: { readonly requests: readonly string[] };
    readonly reply: { readonly results: readonly ClaimedResult[] };
  };
  /** These are on disk and need not be kept. */
  recorded: { readonly args: { readonly requests: readonly string[] }; readonly reply: object };
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
  /** A signature that failed before C_Sign was called: certainly not made. Absent: it may have been. */
  readonly neverAsked?: true;
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly reply: Calls[CallName]['reply'] }
  | { readonly id: number; readonly ok: false; readonly fault: Fault };
