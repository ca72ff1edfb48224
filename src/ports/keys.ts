import type { ErrorReport } from '../errors.ts';
import type { KeyType, SignatureAlgorithm } from '../model/algorithms.ts';

/** Why a key does or does not sign now. */
export type KeyState = 'ready' | 'pin-needed' | 'pin-locked' | 'absent' | 'failing' | 'resting' | 'unusable';

export interface KeyStatus {
  /** Name in the configuration. */
  readonly name: string;
  readonly source: 'pkcs11' | 'pkcs12' | 'csc' | 'globalsign';
  readonly state: KeyState;
  /** Plain words for `key list`: why it is in this state and what to do. */
  readonly reason?: string;
  /** The error behind the state, when there is one: `check` and `key list` show its code and hint. */
  readonly error?: ErrorReport;
  /** DER; absent while the key has not been found. */
  readonly certificate?: Buffer;
  /** Tries left for the PIN when the module reports them. */
  readonly pinTriesLeft?: number;
  /** Wrong PINs we have sent since the right one was last sent. */
  readonly wrongPins?: number;
  readonly reader?: string;
  /** The reader asks for the PIN on a pad of its own: `activate` with an empty one. */
  readonly pinPad?: true;
  readonly token?: { readonly label: string; readonly serial: string };
  readonly activation?: KeyActivation;
  /** Individual card: it asks its PIN for each document. */
  readonly individual?: true;
  /** The one that waits for its PIN. */
  readonly waiting?: WaitingDocument;
}

/** A document as a person sees it before the PIN. */
export interface ShownDocument {
  readonly name: string;
  /** SHA-256 */
  readonly digest: Buffer;
}

export interface WaitingDocument extends ShownDocument {
  /** UTC ms. */
  readonly since: number;
}

export interface KeyActivation {
  /** UTC ms. */
  readonly since: number;
  readonly until?: number;
  readonly signaturesLeft?: number;
  /** It stays when the daemon ends. */
  readonly outlives?: boolean;
}

/**
 * A key that signs: one method, whatever is behind it.
 * MUST NOT retry by itself; MUST reject with `SEAL-KEY-*`. Calls beyond `concurrency` may queue inside.
 */
export interface SigningKey {
  readonly name: string;
  /** DER, signer first, then intermediates as far as known; anchors left out where they are known to be anchors. */
  readonly chain: readonly Buffer[];
  readonly keyType: KeyType;
  /** Signatures that run at the same time usefully: 1 for a card, threads for software, sessions for an HSM. */
  readonly concurrency: number;
  /**
   * Set where a call may come shortly before the one under way ends: it waits inside and begins at once, so that the card stands still for no moment
   * between two signatures.
   */
  readonly queues?: true;
  /** Documents whose intents are committed together: 1 where each signature counts against a limit. */
  readonly chunk: number;
  /**
   * Set where no hardware or driver stands between the key and us, and key and certificate were compared: its values are not verified one by one
   * before the document is finished. What is released is verified in any case.
   */
  readonly trusted?: true;
  /**
   * Individual card: shows the document and waits until a person has given the PIN for it; the call of `sign` that follows uses it. Before the intent:
   * waiting is not in doubt.
   * @throws SealError SEAL-KEY-PIN-NEEDED when nobody came in time; the signal's reason
   */
  attend?(document: ShownDocument, signal: AbortSignal): Promise<void>;
  /** Whether the key can do it: mechanism, padding, digest. */
  supports(algorithm: SignatureAlgorithm): boolean;
  /**
   * Signs `data` (the signed attributes, a few hundred bytes): hashed with `algorithm.digest` in here, never by the card.
   * @returns the signature value: RSA block, or DER SEQUENCE {r, s} for ECDSA.
   */
  sign(data: Buffer, algorithm: SignatureAlgorithm, call?: SigningCall): Promise<Buffer>;
}

/** What a call of a key says beside its data. */
export interface SigningCall {
  /** Only before the key has begun. */
  readonly signal?: AbortSignal;
  /** Names this very signature for good: document and attempt. Where a key outlives the daemon, the next one claims the value under this name. */
  readonly request?: string;
}

/** What became of a signature that an earlier daemon asked for: its value, or it was certainly not made. */
export type Claimed =
  | { readonly kind: 'made'; readonly value: Buffer; readonly signer: Pick<SigningKey, 'name' | 'chain' | 'keyType'> }
  | { readonly kind: 'never' };

/** Where keys come from: one adapter a source. */
export interface KeySource {
  readonly name: string;
  /** Finds and opens what can be opened without a person. Never throws for a missing card: the status tells. */
  open(): Promise<void>;
  /** The key while it can sign, else undefined. */
  key(): SigningKey | undefined;
  status(): KeyStatus;
  /**
   * Looks whether a renewed certificate has come (file replaced, object on the token) and uses it from then on. Never ends an activation, never
   * takes a key away that signs, never tries a PIN. Never rejects.
   */
  refresh(): Promise<void>;
  /** Calls when the status changed. */
  onChange(call: () => void): void;
  /**
   * Gives a PIN, an empty one where the pad of the reader asks for it; the buffer is zeroed before this resolves, whatever happens. Never repeated
   * by machine.
   * @param document individual card: SHA-256 of the document that the person has seen; resolves when it is signed
   */
  activate(pin: Buffer, document?: Buffer): Promise<void>;
  deactivate(): Promise<void>;
  /**
   * Signatures an earlier daemon asked this key for; waits for those in progress. What is in doubt is left out. Absent where nothing outlives the
   * daemon. After `open`.
   * @param requests with the time of their intents, UTC ms
   */
  claim?(requests: readonly { readonly request: string; readonly at: number }[]): Promise<ReadonlyMap<string, Claimed>>;
  /** The values of these requests are on disk: nobody will claim them any more. */
  recorded?(requests: readonly string[]): void;
  /** Lets a running signature end, then closes sessions and processes; an activated card may stay behind for the next daemon. */
  close(): Promise<void>;
}
