import { createPublicKey } from 'node:crypto';
import { SealError, asSealError } from '../../errors.ts';
import { openPkcs12 } from '../../formats/pkcs12.ts';
import { parseCertificate } from '../../formats/x509.ts';
import { certificateProblem, chooseCertificate, nextCertificateChange } from './certificate.ts';
import { orderChain } from './chain.ts';
import { readChain } from './chain-files.ts';
import { softwareKey } from './software.ts';
import type { KeyObject } from 'node:crypto';
import type { KeyEffects } from './effects.ts';
import type { Pkcs12Content, Pkcs12Key } from '../../formats/pkcs12.ts';
import type { Certificate } from '../../formats/x509.ts';
import type { Pkcs12KeyConfig } from '../../model/config.ts';
import type { Timer } from '../../ports/clock.ts';
import type { KeySource, KeyState, KeyStatus, SigningKey } from '../../ports/keys.ts';

const maxBytes = 2 ** 22;

type Pkcs12Effects = Pick<KeyEffects, 'clock' | 'files' | 'log' | 'readSecret'>;

/** What a file holds for one key. */
interface Material {
  readonly privateKey: KeyObject;
  /** Certificates of this key. */
  readonly candidates: readonly Certificate[];
  /** DER, for the chain. */
  readonly issuers: readonly Buffer[];
}

type Opened =
  | { readonly kind: 'closed'; readonly state: KeyState; readonly error?: SealError }
  | { readonly kind: 'open'; readonly material: Material; readonly key: SigningKey; readonly certificate: Certificate };

/** A software certificate in a PKCS#12 file. A file that was replaced is read again; the old one signs until the new one is open. */
export function pkcs12Source(config: Pkcs12KeyConfig, fx: Pkcs12Effects): KeySource {
  return new Pkcs12Source(config, fx);
}

class Pkcs12Source implements KeySource {
  readonly name: string;
  readonly #config: Pkcs12KeyConfig;
  readonly #fx: Pkcs12Effects;
  readonly #listeners: (() => void)[] = [];
  #opened: Opened = { kind: 'closed', state: 'absent' };
  /** A person has deactivated it: nothing opens it but a person. */
  #held = false;
  /** Of the files as they were when they were read. */
  #seen: string | undefined;
  #timer: Timer | undefined;

  constructor(config: Pkcs12KeyConfig, fx: Pkcs12Effects) {
    this.name = config.name;
    this.#config = config;
    this.#fx = fx;
  }

  async open(): Promise<void> {
    this.#held = false;
    try {
      await this.#open(await this.#fx.readSecret(this.#config.passphrase));
    } catch (thrown) {
      this.#refused(asSealError(thrown));
    }
  }

  async refresh(): Promise<void> {
    try {
      const seen = await this.#filesNow();
      if (this.#held || seen === this.#seen) return;
      this.#seen = seen;
      await this.#open(await this.#fx.readSecret(this.#config.passphrase));
      this.#fx.log.info({ key: this.name, file: this.#config.file }, 'the key file has changed and was read again');
    } catch (thrown) {
      const error = this.#located(asSealError(thrown));
      if (this.#opened.kind === 'open')
        this.#fx.log.warn(
          { key: this.name, error: error.toJSON() },
          'the key file has changed and cannot be used; the key goes on as it was',
        );
      else this.#refused(error);
    }
  }

  async activate(pin: Buffer): Promise<void> {
    try {
      await this.#open(pin);
      this.#held = false;
    } catch (thrown) {
      const error = asSealError(thrown);
      this.#refused(error);
      throw error;
    } finally {
      pin.fill(0);
    }
  }

  deactivate(): Promise<void> {
    this.#held = true;
    const error = new SealError('SEAL-KEY-PIN-NEEDED', `${this.name}: deactivated`, {
      where: this.name,
      hint: 'give its passphrase with “sealtree key activate”',
    });
    this.#set({ kind: 'closed', state: 'pin-needed', error });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.#opened = { kind: 'closed', state: 'absent' };
    return Promise.resolve();
  }

  key(): SigningKey | undefined {
    return this.#opened.kind === 'open' && this.#problem(this.#opened.certificate) === undefined ? this.#opened.key : undefined;
  }

  status(): KeyStatus {
    const opened = this.#opened;
    const error = opened.kind === 'open' ? this.#problem(opened.certificate) : opened.error;
    return {
      name: this.name,
      source: 'pkcs12',
      state: opened.kind === 'closed' ? opened.state : error === undefined ? 'ready' : 'unusable',
      ...(error === undefined ? {} : { reason: error.message, error: error.toJSON() }),
      ...(opened.kind === 'open' ? { certificate: opened.certificate.der } : {}),
    };
  }

  onChange(call: () => void): void {
    this.#listeners.push(call);
  }

  #problem(certificate: Certificate): SealError | undefined {
    return certificateProblem(certificate, this.#config, this.#fx.clock.now());
  }

  /** Zeroes the passphrase. */
  async #open(passphrase: Buffer): Promise<void> {
    try {
      this.#seen = await this.#filesNow();
      const file = await this.#fx.files.read(this.#config.file, maxBytes);
      const content = await openPkcs12(file, passphrase);
      const { key, candidates } = chooseKey(content, this.#config, this.#fx.clock.now());
      const configured = await readChain(this.#fx.files, this.#config.chain);
      const issuers = [...content.certificates.map(({ der }) => der), ...configured];
      this.#use({ privateKey: key.privateKey, candidates, issuers });
    } finally {
      passphrase.fill(0);
    }
  }

  /** Takes the certificate that is to be used now. */
  #use(material: Material): void {
    const certificate = chooseCertificate(material.candidates, this.#config, this.#fx.clock.now());
    if (certificate === undefined) return;
    const chain = orderChain(certificate, material.issuers);
    const key = softwareKey(this.name, material.privateKey, certificate.keyType(), chain);
    this.#set({ kind: 'open', material, key, certificate });
  }

  /** Differs when one of the files was replaced or written to. */
  async #filesNow(): Promise<string> {
    const infos = await Promise.all([this.#config.file, ...this.#config.chain].map(async (path) => await this.#fx.files.stat(path)));
    return infos.map((info) => (info === undefined ? '-' : `${info.device}:${info.inode}:${info.size}:${info.ctimeNs}`)).join(' ');
  }

  #refused(error: SealError): void {
    const state = error.code === 'SEAL-INPUT-MISSING' ? 'absent' : 'unusable';
    const located = this.#located(error);
    this.#fx.log.warn({ key: this.name, error: located.toJSON() }, 'key cannot be used');
    this.#set({ kind: 'closed', state, error: located });
  }

  #located(error: SealError): SealError {
    return new SealError(error.code, error.message, {
      where: error.where ?? this.#config.file,
      cause: error.cause,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }

  #set(opened: Opened): void {
    this.#opened = opened;
    this.#timer?.cancel();
    if (opened.kind === 'open') this.#watchDates(opened.material);
    for (const listener of this.#listeners) listener();
  }

  /** Looks again when a certificate starts or stops being usable. */
  #watchDates(material: Material): void {
    const now = this.#fx.clock.now();
    const next = nextCertificateChange(material.candidates, this.#config, now);
    if (next === undefined) return;
    this.#timer = this.#fx.clock.after(next - now, () => {
      if (this.#opened.kind === 'open') this.#use(material);
    });
  }
}

/**
 * The private key of the file and the certificates with its public key (whatever the file's own identifiers say). Of several keys the one whose
 * certificate is to be used.
 * @param now UTC ms
 * @throws SealError SEAL-KEY-MISMATCH when no certificate fits, SEAL-KEY-CERTIFICATE when there is none, SEAL-INPUT-INVALID without a private key
 */
function chooseKey(
  content: Pkcs12Content,
  config: Pkcs12KeyConfig,
  now: number,
): { readonly key: Pkcs12Key; readonly candidates: readonly Certificate[] } {
  if (content.keys.length === 0)
    throw new SealError('SEAL-INPUT-INVALID', 'the PKCS#12 file holds no private key', {
      where: config.file,
      hint: 'export key and certificate together: openssl pkcs12 -export -inkey KEY -in CERTIFICATE -out FILE',
    });
  const certificates = content.certificates.map(({ der }) => parseCertificate(der));
  const pairs = content.keys.map((key) => {
    const publicKey = createPublicKey(key.privateKey);
    return { key, candidates: certificates.filter((certificate) => certificate.publicKey().equals(publicKey)) };
  });
  const chosen = chooseCertificate(
    pairs.flatMap(({ candidates }) => candidates),
    config,
    now,
  );
  const pair = pairs.find(({ candidates }) => chosen !== undefined && candidates.includes(chosen));
  if (pair !== undefined) return pair;
  throw certificates.length === 0
    ? new SealError('SEAL-KEY-CERTIFICATE', 'the PKCS#12 file holds a private key and no certificate yet', {
        where: config.file,
        hint: `make a request with “sealtree key csr ${config.name}”, then put the answer back with “sealtree key import”`,
      })
    : new SealError('SEAL-KEY-MISMATCH', 'no certificate of the PKCS#12 file belongs to its private key', {
        where: config.file,
        hint: 'export the certificate that was issued for this very key together with it',
      });
}
