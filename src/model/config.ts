import type { AlgorithmRule, DigestAlgorithm } from './algorithms.ts';
import type { NotifyConfig } from './notify.ts';
import type { SecretReference } from './secret.ts';
import type { LogLevel } from '../ports/log.ts';
import type { Profile } from './signature.ts';

export type { SecretReference } from './secret.ts';

export interface Config {
  /** Absolute path of the file it was read from. */
  readonly path: string;
  readonly dataDir: string;
  readonly log: { readonly level: LogLevel; readonly modules: Readonly<Record<string, LogLevel>>; readonly file?: string };
  /** Liveness, readiness, metrics; loopback. */
  readonly monitor?: { readonly host: string; readonly port: number };
  readonly evaluation?: EvaluationConfig;
  readonly trust: TrustConfig;
  readonly keys: Readonly<Record<string, KeyConfig>>;
  /** Pool name → key names. */
  readonly pools: Readonly<Record<string, readonly string[]>>;
  readonly tsas: Readonly<Record<string, TsaConfig>>;
  readonly profiles: Readonly<Record<string, Profile>>;
  readonly roots: Readonly<Record<string, RootConfig>>;
  readonly archive: ArchiveConfig;
  /** Whom to tell what without being asked; absent: nobody. */
  readonly notify?: NotifyConfig;
}

/** The own CA and TSA for evaluation: RFC 3161 at /tsa, CRLs at /crl/…, OCSP at /ocsp, on loopback. */
export interface EvaluationConfig {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
}

export interface TrustConfig {
  /** PEM files. */
  readonly anchors: readonly string[];
  /** Further certificates for path building, PEM or DER. */
  readonly certificates: readonly string[];
  /** Directories or files with CRLs (DER or PEM). */
  readonly crls: readonly string[];
  readonly revocation: 'require' | 'soft-fail' | 'none';
  /** Fetch from the addresses inside certificates (CDP, AIA). */
  readonly fetch: boolean;
  /** Host names or host:port inside the house that may be fetched all the same. */
  readonly allowHosts: readonly string[];
  /** ms: how old revocation data may be before it is fetched again. */
  readonly maxAge: number;
  /** End dates of algorithms that replace the shipped ones about the same subject. */
  readonly algorithms?: readonly AlgorithmRule[];
}

export type KeyConfig = Pkcs12KeyConfig | Pkcs11KeyConfig;

interface KeyCommon {
  readonly name: string;
  /** Roots that may use it; empty: all. */
  readonly roots: readonly string[];
  /** ms before notAfter at which the certificate is no longer used. */
  readonly minRemaining: number;
  /** Required key usage. */
  readonly keyUsage: 'contentCommitment' | 'digitalSignature' | 'any';
  /** PEM or DER with intermediates that the key file or token does not hold. */
  readonly chain: readonly string[];
  /** One PIN may open a qualified certificate of a natural person for many signatures; absent: no. */
  readonly allowQualifiedPersonal?: boolean;
}

export interface Pkcs12KeyConfig extends KeyCommon {
  readonly source: 'pkcs12';
  readonly file: string;
  readonly passphrase: SecretReference;
}

export interface Pkcs11KeyConfig extends KeyCommon {
  readonly source: 'pkcs11';
  readonly module: string;
  /** Which token; `any`: one that no other key has, whose certificate fits `certificate` and is meant for signatures. */
  readonly token: 'any' | { readonly label?: string; readonly serial?: string; readonly slot?: number; readonly reader?: string };
  /** Patterns (`*`, `?`) for RFC 4514 names. */
  readonly certificate?: { readonly subject?: string; readonly issuer?: string };
  readonly key: { readonly label?: string; readonly id?: string };
  /** Absent: a person enters it (`key activate`). */
  readonly pin?: SecretReference;
  /** Individual: PIN for each signature. */
  readonly kind: 'mass' | 'individual';
  /**
   * What a PIN opens. `window` (absent: this): whatever its roots have to sign, until the activation ends. `stack`: the documents that were shown before
   * the PIN, and nothing else.
   */
  readonly activation?: 'window' | 'stack';
  readonly maxSignatures?: number;
  /** A signature in doubt: its document is signed again, or fails until a person retries the batch. */
  readonly onDoubt: 'sign' | 'ask';
  /** ms */
  readonly maxTime?: number;
  /** Parallel sessions; 1 for a card. */
  readonly sessions: number;
  /** ms for one signature before the child is killed. */
  readonly timeout: number;
  /** ms a document waits for the PIN of an individual card. */
  readonly pinTimeout: number;
  /** ms that the activated card stays without a daemon; 0: it ends with it. */
  readonly keepAlive: number;
  /** Environment of the child besides PATH (SOFTHSM2_CONF …). */
  readonly environment: Readonly<Record<string, string>>;
}

export interface TsaConfig {
  readonly name: string;
  readonly url: string;
  /** Of the message imprint. */
  readonly digest: DigestAlgorithm;
  /** Wanted policy OID; the token must state it. */
  readonly policy?: string;
  /** ms */
  readonly timeout: number;
  readonly quota?: { readonly count: number; readonly per: 'day' | 'month' | 'year'; readonly reserve: number };
  readonly credentials?: { readonly user: string; readonly password: SecretReference };
}

export interface ApprovalConfig {
  readonly mode: 'semaphore' | 'quiet';
  /** File name or glob (`*`, `?`) of the semaphore. */
  readonly name: string;
  /** ms without a change, for `quiet`. */
  readonly quiet: number;
  /** The semaphore must belong to this uid. */
  readonly owner?: number;
}

export interface RootConfig {
  readonly name: string;
  readonly path: string;
  readonly incoming: string;
  readonly outgoing: string;
  readonly failed: string;
  readonly done: string;
  readonly approval: ApprovalConfig;
  /** Name of the ready semaphore. */
  readonly ready: string;
  /** Profile name; further ones that a semaphore may choose. */
  readonly profile: string;
  readonly allowProfiles: readonly string[];
  /** Key names with pools resolved; empty: `keys: none`. */
  readonly keys: readonly string[];
  /** Higher first. */
  readonly priority: number;
  /** ms */
  readonly settle: number;
  readonly watch: 'auto' | 'events' | 'poll';
  /** ms between two full sweeps. */
  readonly sweep: number;
  readonly onError: 'failBatch' | 'deliverRest';
  readonly onExisting: 'wait' | 'number';
  /** Globs on file names; ignored files are neither signed nor delivered, and go with the originals. */
  readonly ignore: readonly string[];
  /** Bytes that must stay free on every file system of the root. */
  readonly minFree: number;
  /** ms; absent: waits for ever. */
  readonly maxWait?: number;
  /** ms that originals stay in done/; absent: for ever. */
  readonly retention?: number;
  readonly htmlReport: boolean;
  /** Password for encrypted PDFs. */
  readonly documentPassword?: SecretReference;
}

export type ClosingRule =
  | { readonly kind: 'daily' }
  | { readonly kind: 'batch' }
  | { readonly kind: 'every'; readonly ms: number }
  | { readonly kind: 'leaves'; readonly count: number };

export interface ArchiveConfig {
  /** IANA name. */
  readonly timezone: string;
  /** Local time of the daily closing, `HH:MM`. */
  readonly closeAt: string;
  readonly closing: ClosingRule;
  /** TSA names in order of preference. */
  readonly tsas: readonly string[];
  readonly timestamps: 1 | 2;
  readonly digest: DigestAlgorithm;
  readonly keep: 'none' | 'signatures' | 'documents';
  /** ms after genTime until revocation data is fetched again and the token frozen. */
  readonly revocationGrace: number;
  /** Due timestamp renewals: by the daemon itself, or only said. */
  readonly renew: 'auto' | 'warn';
  /** ms before the end of certificates and algorithms from which a renewal is due. */
  readonly renewBefore: number;
  /** ms between two checks of everything that the daemon makes by itself; absent: none. */
  readonly check?: number;
}
