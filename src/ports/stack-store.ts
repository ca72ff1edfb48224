/** A list of documents that was shown to a person, before the PIN. */
export interface NewStack {
  readonly key: string;
  /** UTC ms */
  readonly at: number;
  /** SHA-256 over the list as it was shown. */
  readonly digest: Buffer;
  readonly documents: readonly StackEntry[];
}

/** One signature that a stack allows. */
export interface StackEntry {
  /** Row of the document. */
  readonly document: number;
  readonly sha256: Buffer;
}

/** The stack of an activation. */
export interface Stack {
  readonly id: number;
  /** SHA-256 over the list as it was shown. */
  readonly digest: Buffer;
  /** How many were shown. */
  readonly documents: number;
  /** Those that may still be signed: waiting, unchanged, and nothing was asked of the key for them that may have been a signature. */
  readonly open: readonly (StackEntry & { readonly batch: string })[];
  /** Intents of its documents that have no outcome yet. */
  readonly underWay: number;
}

export interface StackCounts extends Pick<Stack, 'digest' | 'documents'> {
  /** What was asked of the key and may be a signature: made, under way, in doubt. */
  readonly signed: number;
  /** Those that may still be signed. */
  readonly left: number;
}

/** Stacks: which documents an activation may sign. `recordIntents` holds to them. */
export interface StackStore {
  /**
   * Keeps a list until the activation begins that it is for; an earlier one of the key that never began is forgotten.
   * @throws SealError SEAL-KEY-STACK when a document does not wait for a signature any more, or is another one; then nothing is kept
   */
  offerStack(stack: NewStack): Promise<void>;
  /** The PIN was refused: forgets the list that no activation began with. */
  withdrawStack(key: string): Promise<void>;
  /**
   * What an activation may sign. When it is first asked for, the list that was offered last belongs to it, for good.
   * @param since identifies the activation, UTC ms
   * @returns undefined when it began without a list: nothing may be signed
   */
  stackOf(key: string, since: number): Promise<Stack | undefined>;
  /** The same in numbers, without binding anything. */
  stackCounts(key: string, since: number): Promise<StackCounts | undefined>;
}
