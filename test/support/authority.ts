import { createHash, createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluationPolicy, issuerAddresses } from '../../src/authority/authority.ts';
import { createRoot, issueCertificate } from '../../src/authority/ca.ts';
import { encodeCrl } from '../../src/authority/crl.ts';
import { authorityHandler } from '../../src/authority/http.ts';
import { evaluationOrganization } from '../../src/authority/names.ts';
import { ocspResponder } from '../../src/authority/ocsp.ts';
import { authorityKey } from '../../src/authority/signing.ts';
import { timestampResponder } from '../../src/authority/tsa.ts';
import { httpServer } from '../../src/effects/http-server.ts';
import { buildOcspRequest, parseOcspResponse } from '../../src/formats/ocsp.ts';
import { writePem } from '../../src/formats/pem.ts';
import { buildTimestampRequest, parseTimestampResponse } from '../../src/formats/tsp.ts';
import { parseCertificate } from '../../src/formats/x509.ts';
import { ManualClock } from './clock.ts';
import { testKey } from './keys.ts';
import type { KeyObject } from 'node:crypto';
import type { Issuer } from '../../src/authority/ca.ts';
import type { RevokedCertificate } from '../../src/authority/crl.ts';
import type { CertificateStatus } from '../../src/authority/ocsp.ts';
import type { RevocationReason } from '../../src/formats/crl.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { HttpHandler } from '../../src/ports/http-server.ts';
import type { IssueOptions, TestAuthority, TestAuthorityOptions, TestIdentity } from './authority-types.ts';

export type { IssueOptions, TestAuthority, TestAuthorityOptions, TestIdentity } from './authority-types.ts';
export { testKey } from './keys.ts';

/** Policy of the test TSA. */
export const testPolicy = evaluationPolicy;

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
    const addresses = issuerAddresses(name, this.#baseUrl);
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
    const { token } = parseTimestampResponse(await this.tsa()(buildTimestampRequest({ digest, messageImprint, certReq: true })));
    if (token === undefined) throw new Error('the test TSA refused');
    return token;
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
