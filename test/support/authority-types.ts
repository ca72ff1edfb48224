import type { KeyObject } from 'node:crypto';
import type { CertificateProfile, CertificateRequest } from '../../src/authority/ca.ts';
import type { DistinguishedName } from '../../src/authority/names.ts';
import type { KeyKind } from '../../src/authority/signing.ts';
import type { RevocationReason } from '../../src/formats/crl.ts';
import type { DigestAlgorithm, RsaPadding } from '../../src/model/algorithms.ts';
import type { HttpHandler } from '../../src/ports/http-server.ts';
import type { ManualClock } from './clock.ts';

/** A certificate with its private key, ready to sign. */
export interface TestIdentity {
  /** DER. */
  readonly certificate: Buffer;
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** DER: this certificate, then the issuing CA; without the root. What a SigningKey's `chain` holds. */
  readonly chain: readonly Buffer[];
  readonly serialNumber: Buffer;
}

export interface IssueOptions {
  /** Common name, or all attributes. */
  readonly subject?: string | DistinguishedName | Buffer;
  /** Default p256. RSA keys come from a cache beside the project: equal for equal `keyName`. */
  readonly keyType?: KeyKind;
  /** Tells cached keys of one type apart. */
  readonly keyName?: string;
  /** An existing key instead of a new one. */
  readonly privateKey?: KeyObject;
  /** Default `signer`. */
  readonly profile?: CertificateProfile;
  /** `expired`: ended yesterday; `not-yet-valid`: starts tomorrow; `revoked`: stands in the CRL and OCSP from now on. */
  readonly state?: 'valid' | 'expired' | 'not-yet-valid' | 'revoked';
  /** UTC ms; default: a day before `now` to two years after it. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly keyUsage?: CertificateRequest['keyUsage'];
  readonly extendedKeyUsage?: readonly string[];
  readonly extensions?: CertificateRequest['extensions'];
  readonly serialNumber?: Buffer;
  /** Default: the issuing CA. */
  readonly issuer?: 'issuing' | 'root';
}

export interface TestAuthorityOptions {
  /** Told apart by name when a test needs two. */
  readonly name?: string;
  /** UTC ms; default: the real time at the call, in whole seconds, so that programs without a time option agree. Stands still until `setTime`. */
  readonly now?: number;
  /** Shared with the rest of a test; instead of `now`. */
  readonly clock?: ManualClock;
  /** Of root and issuing CA; default p256. */
  readonly keyType?: KeyKind;
  /** For RSA CA keys. */
  readonly padding?: RsaPadding;
  /** Of the TSA; default p256. */
  readonly tsaKeyType?: KeyKind;
  /** UTC ms: end of the TSA's certificate. Default: five years. */
  readonly tsaNotAfter?: number;
  /** ms, stated in tokens. Default 100. */
  readonly accuracy?: number;
  /** Base of the addresses in certificates. Default http://127.0.0.1:3180. */
  readonly baseUrl?: string;
}

export interface TestAuthority {
  readonly root: TestIdentity;
  readonly issuing: TestIdentity;
  readonly tsaIdentity: TestIdentity;
  now(): number;
  setTime(now: number): void;
  issue(options?: IssueOptions): TestIdentity;
  revoke(identity: { readonly serialNumber: Buffer }, options?: { readonly at?: number; readonly reason?: RevocationReason }): void;
  /** DER CRLs of root and issuing CA, made now (thisUpdate = now, nextUpdate a week later). */
  crls(): Buffer[];
  crl(issuer: 'root' | 'issuing', options?: { readonly thisUpdate?: number; readonly nextUpdate?: number }): Buffer;
  /** TimeStampReq → TimeStampResp, both DER. */
  tsa(): (request: Buffer) => Promise<Buffer>;
  /** A DER TimeStampToken (with certificates) over a digest. */
  timestamp(digest: DigestAlgorithm, messageImprint: Buffer): Promise<Buffer>;
  /** OCSPRequest → OCSPResponse, both DER. */
  ocsp(): (request: Buffer) => Promise<Buffer>;
  /** A DER BasicOCSPResponse about a certificate of the issuing CA. */
  ocspFor(certificate: Buffer): Promise<Buffer>;
  /** All routes of the authority without a network. */
  handler(): HttpHandler;
  /** Writes trust.pem (root), issuing.pem, root.crl, issuing.crl (DER) and crls.pem into an existing directory, for foreign programs. */
  write(directory: string): {
    readonly trust: string;
    readonly intermediates: string;
    readonly crls: readonly string[];
    readonly crlPem: string;
  };
  /** Serves on loopback, on a free port. */
  serve(): Promise<{ readonly url: string; close(): Promise<void> }>;
}
