import type { NewKeyKind } from '../../../../ports/key-management.ts';
import type { Fault, MechanismCall, TokenSelector, TokenView } from '../messages.ts';

/** What parent and management process say to each other. PINs go over a pipe of their own (pin-pipe.ts), never in a message. */

/** Which token; `reader` is a pattern for its reader. */
export type ManagedToken = TokenSelector & { readonly reader?: string };

export interface TokenObjects {
  readonly label: string;
  readonly serial: string;
  /** CKM numbers. */
  readonly mechanisms: readonly number[];
  readonly privateKeys: readonly KeyObjectView[];
  readonly certificates: readonly CertificateObjectView[];
}

export interface KeyObjectView {
  readonly handle: Buffer;
  readonly id: Buffer;
  readonly label: string;
  /** Asks the PIN before each signature. */
  readonly alwaysAuthenticate: boolean;
  /** What the token shows of the public key. */
  readonly publicKey?: PublicKeyParts;
}

export type PublicKeyParts =
  | { readonly modulus: Buffer; readonly exponent: Buffer }
  /** CKA_EC_PARAMS and CKA_EC_POINT as they are. */
  | { readonly parameters: Buffer; readonly point: Buffer };

export interface CertificateObjectView {
  readonly id: Buffer;
  readonly der: Buffer;
}

/** A certificate object to be made. */
export interface NewCertificateObject {
  readonly der: Buffer;
  readonly label: string;
  /** CKA_ID; that of the key for its own certificate. */
  readonly id?: Buffer;
  /** DER Names and INTEGER out of the certificate. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly serialNumber: Buffer;
}

export interface ManagementCalls {
  /** Loads the module and finds the token; undefined: not there. */
  find: {
    readonly args: { readonly module: string; readonly token: ManagedToken };
    readonly reply:
      (Pick<TokenView, 'pinPad' | 'padProblem'> & { readonly label: string; readonly mechanisms: readonly number[] }) | undefined;
  };
  /** With the PIN that waits in the pipe, for reading and writing. `pinPad`: the reader asks for it. */
  login: { readonly args: { readonly pinPad: boolean }; readonly reply: TokenObjects };
  generate: {
    readonly args: { readonly kind: NewKeyKind; readonly id: Buffer; readonly label: string };
    readonly reply: { readonly publicKey: PublicKeyParts };
  };
  /** @returns raw bytes of C_Sign. `contextPin`: the PIN for this signature waits in the pipe. */
  sign: {
    readonly args: {
      readonly key: Buffer;
      readonly mechanism: MechanismCall;
      readonly input: Buffer;
      readonly context?: 'pin' | 'at-reader';
    };
    readonly reply: { readonly signature: Buffer };
  };
  store: { readonly args: { readonly certificates: readonly NewCertificateObject[] }; readonly reply: object };
  end: { readonly args: object; readonly reply: object };
}

export type ManagementCall = keyof ManagementCalls;

export type ManagementRequest = {
  readonly [K in ManagementCall]: { readonly call: K; readonly args: ManagementCalls[K]['args'] };
}[ManagementCall];

export type ManagementAnswer =
  { readonly ok: true; readonly reply: ManagementCalls[ManagementCall]['reply'] } | { readonly ok: false; readonly fault: Fault };
