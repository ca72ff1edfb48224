import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRoot, issueCertificate, type CertificateProfile, type CertificateRequest, type Issuer } from '../../src/authority/ca.ts';
import { encodeCrl, type RevokedCertificate } from '../../src/authority/crl.ts';
import { authorityHandler } from '../../src/authority/http.ts';
import { evaluationOrganization, type DistinguishedName } from '../../src/authority/names.ts';
import { ocspResponder, type CertificateStatus } from '../../src/authority/ocsp.ts';
import { authorityKey, type KeyKind } from '../../src/authority/signing.ts';
import { timestampResponder } from '../../src/authority/tsa.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { buildOcspRequest, parseOcspResponse } from '../../src/formats/ocsp.ts';
import { digestAlgorithmIdentifier } from '../../src/formats/algorithms.ts';
import { writePem } from '../../src/formats/pem.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { boolean, children, integer, octetString, readElement, sequence } from '../../src/formats/der.ts';
import type { DigestAlgorithm, RsaPadding } from '../../src/model/algorithms.ts';
import { ManualClock } from './clock.ts';
import { testKey } from './keys.ts';
import type { RevocationReason } from '../../src/formats/crl.ts';
import type { HttpHandler } from '../../src/ports/http-server.ts';

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
  readonly subject?: string | DistinguishedName;
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

export { testKey } from './keys.ts';

/** Policy of the test TSA. */
export const testPolicy = '2.999.3161.1';

const day = 86_400_000;
/**
 * A small trust centre in memory: root CA, issuing CA, TSA and OCSP responder, and certificates of every kind. Its clock stands
 * still; serial numbers are the same each time. Milliseconds to build, as long as CA keys are elliptic.
 */
export function testAuthority(options: TestAuthorityOptions = {}): TestAuthority {
  return new Authority(options);
}

class Authority implements TestAuthority {
  readonly root: TestIdentity;
  readonly issuing: TestIdentity;
  readonly tsaIdentity: TestIdentity;
  readonly #options: TestAuthorityOptions;
  readonly #baseUrl: string;
  readonly #revoked: (RevokedCertificate & { readonly issuer: 'root' | 'issuing' })[] = [];
  readonly #issued = new Map<string, 'root' | 'issuing'>();
  readonly #ocspIdentity: TestIdentity;
  readonly #clock: ManualClock;
  #drawn = 0;
  #crlNumber = 0n;

  constructor(options: TestAuthorityOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl ?? 'http://127.0.0.1:3180';
    this.#clock = options.clock ?? new ManualClock(options.now ?? Math.floor(Date.now() / 1000) * 1000);
    const from = this.now() - 400 * day;
    this.root = this.#createRoot(from);
    const caKey = options.keyType ?? 'p256';
    this.issuing = this.issue({
      subject: `${this.#name} Issuing CA`,
      profile: 'issuingCa',
      keyType: caKey,
      keyName: 'issuing',
      issuer: 'root',
      notBefore: from,
      notAfter: this.now() + 3650 * day,
    });
    const tsaNotAfter = options.tsaNotAfter ?? this.now() + 5 * 365 * day;
    const early = this.now() - 300 * day;
    this.tsaIdentity = this.issue({
      subject: `${this.#name} TSA`,
      profile: 'tsa',
      keyType: options.tsaKeyType ?? 'p256',
      keyName: 'tsa',
      notBefore: early,
      notAfter: tsaNotAfter,
    });
    this.#ocspIdentity = this.issue({
      subject: `${this.#name} OCSP`,
      profile: 'ocsp',
      notBefore: early,
      notAfter: this.now() + 3650 * day,
    });
  }

  get #name(): string {
    return `Sealtree EVALUATION ${this.#options.name ?? 'Test'}`;
  }

  /** Deterministic: serial numbers are the same each time. */
  readonly #random = {
    bytes: (length: number): Buffer => {
      const block = createHash('shake256', { outputLength: length });
      return block.update(`${this.#options.name ?? ''} ${this.#drawn++}`).digest();
    },
  };
  now(): number {
    return this.#clock.now();
  }

  setTime(now: number): void {
    this.#clock.jump(now - this.#clock.now());
  }

  #createRoot(notBefore: number): TestIdentity {
    const privateKey = testKey(this.#options.keyType ?? 'p256', 'root');
    const subject = { country: 'DE', organization: evaluationOrganization, commonName: `${this.#name} Root CA` };
    const certificate = createRoot({ random: this.#random }, this.#signing(privateKey), {
      subject,
      notBefore,
      notAfter: this.now() + 7300 * day,
    });
    return this.#identity(certificate, privateKey, []);
  }

  #signing(privateKey: KeyObject) {
    return authorityKey(privateKey, this.#options.padding);
  }

  #identity(certificate: Buffer, privateKey: KeyObject, above: readonly Buffer[]): TestIdentity {
    const { serialNumber } = parseCertificate(certificate);
    const publicKey = createPublicKey(privateKey);
    return { certificate, pem: writePem(certificate), privateKey, publicKey, chain: [certificate, ...above], serialNumber };
  }

  #issuer(name: 'root' | 'issuing'): Issuer {
    const { certificate, privateKey } = this[name];
    const addresses = {
      crl: `${this.#baseUrl}/crl/${name}.crl`,
      caIssuers: `${this.#baseUrl}/ca/${name}.cer`,
      ...(name === 'issuing' ? { ocsp: `${this.#baseUrl}/ocsp` } : {}),
    };
    return { certificate, ...this.#signing(privateKey), addresses };
  }

  issue(options: IssueOptions = {}): TestIdentity {
    const issuer = options.issuer ?? 'issuing';
    const privateKey = options.privateKey ?? testKey(options.keyType ?? 'p256', options.keyName);
    const subject = options.subject ?? 'Test Signer';
    const { keyUsage, extendedKeyUsage, extensions, serialNumber } = options;
    const certificate = issueCertificate({ random: this.#random }, this.#issuer(issuer), {
      subject: typeof subject === 'string' ? { country: 'DE', organization: evaluationOrganization, commonName: subject } : subject,
      publicKey: createPublicKey(privateKey),
      profile: options.profile ?? 'signer',
      notBefore:
        options.notBefore ?? this.now() + (options.state === 'not-yet-valid' ? day : options.state === 'expired' ? -300 * day : -day),
      notAfter: options.notAfter ?? this.now() + (options.state === 'expired' ? -day : 730 * day),
      ...(keyUsage === undefined ? {} : { keyUsage }),
      ...(extendedKeyUsage === undefined ? {} : { extendedKeyUsage }),
      ...(extensions === undefined ? {} : { extensions }),
      ...(serialNumber === undefined ? {} : { serialNumber }),
    });
    const identity = this.#identity(certificate, privateKey, issuer === 'issuing' ? [this.issuing.certificate] : []);
    this.#issued.set(identity.serialNumber.toString('hex'), issuer);
    if (options.state === 'revoked') this.revoke(identity);
    return identity;
  }

  revoke(identity: { readonly serialNumber: Buffer }, options: { readonly at?: number; readonly reason?: RevocationReason } = {}): void {
    const issuer = this.#issued.get(identity.serialNumber.toString('hex')) ?? 'issuing';
    const { reason = 'keyCompromise', at = this.now() } = options;
    this.#revoked.push({ serialNumber: identity.serialNumber, revocationTime: at, reason, issuer });
  }

  crls(): Buffer[] {
    return [this.crl('root'), this.crl('issuing')];
  }

  crl(issuer: 'root' | 'issuing', options: { readonly thisUpdate?: number; readonly nextUpdate?: number } = {}): Buffer {
    const thisUpdate = options.thisUpdate ?? this.now();
    const content = {
      number: ++this.#crlNumber,
      thisUpdate,
      nextUpdate: options.nextUpdate ?? thisUpdate + 7 * day,
      revoked: this.#revoked.filter((entry) => entry.issuer === issuer),
    };
    return encodeCrl(content, this.#issuer(issuer));
  }

  tsa(): (request: Buffer) => Promise<Buffer> {
    const { privateKey, certificate } = this.tsaIdentity;
    return timestampResponder(
      { clock: this.#clock, random: this.#random },
      {
        identity: { ...authorityKey(privateKey), certificate },
        chain: [this.issuing.certificate],
        policy: testPolicy,
        accuracy: this.#options.accuracy ?? 100,
      },
    );
  }

  async timestamp(digest: DigestAlgorithm, messageImprint: Buffer): Promise<Buffer> {
    const imprint = sequence(digestAlgorithmIdentifier(digest), octetString(messageImprint));
    const response = await this.tsa()(sequence(integer(1), imprint, boolean(true)));
    const token = children(readElement(response))[1];
    if (token === undefined) throw new Error('the test TSA refused');
    return token.raw;
  }

  #status(serialNumber: Buffer): CertificateStatus {
    if (this.#issued.get(serialNumber.toString('hex')) !== 'issuing') return { status: 'unknown' };
    const entry = this.#revoked.find((revoked) => revoked.serialNumber.equals(serialNumber));
    return entry === undefined ? { status: 'good' } : { ...entry, status: 'revoked' };
  }

  ocsp(): (request: Buffer) => Promise<Buffer> {
    const { privateKey, certificate } = this.#ocspIdentity;
    return ocspResponder(
      { clock: this.#clock },
      {
        identity: { ...authorityKey(privateKey), certificate },
        issuer: this.issuing.certificate,
        validity: day,
        status: (serialNumber) => this.#status(serialNumber),
      },
    );
  }

  async ocspFor(certificate: Buffer): Promise<Buffer> {
    const request = buildOcspRequest(parseCertificate(certificate), parseCertificate(this.issuing.certificate));
    const { basic } = parseOcspResponse(await this.ocsp()(request));
    if (basic === undefined) throw new Error('the test OCSP responder refused');
    return basic;
  }

  handler(): HttpHandler {
    return authorityHandler({
      timestamp: this.tsa(),
      ocsp: this.ocsp(),
      crl: (name) => (name === 'root' || name === 'issuing' ? this.crl(name) : undefined),
      certificate: (name) => (name === 'root' || name === 'issuing' ? this[name].certificate : undefined),
    });
  }

  write(directory: string) {
    const put = (name: string, content: string | Buffer) => {
      const file = join(directory, name);
      writeFileSync(file, content);
      return file;
    };
    const [root, issuing] = [this.crl('root'), this.crl('issuing')];
    return {
      trust: put('trust.pem', this.root.pem),
      intermediates: put('issuing.pem', this.issuing.pem),
      crls: [put('root.crl', root), put('issuing.crl', issuing)],
      crlPem: put('crls.pem', writePem(root, 'X509 CRL') + writePem(issuing, 'X509 CRL')),
    };
  }

  async serve(): Promise<{ readonly url: string; close(): Promise<void> }> {
    const listener = await httpServer().serve('127.0.0.1', 0, this.handler());
    return { url: `http://127.0.0.1:${listener.port}`, close: () => listener.close() };
  }
}
