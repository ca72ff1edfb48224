import { createPublicKey } from 'node:crypto';
import { SealError, asSealError } from '../../errors.ts';
import { readPem } from '../../formats/pem.ts';
import { openPkcs12 } from '../../formats/pkcs12.ts';
import { parseCertificate } from '../../formats/x509.ts';
import { certificateProblem, nextCertificateChange } from './certificate.ts';
import { orderChain } from './chain.ts';
import { softwareKey } from './software.ts';
import type { KeyEffects } from './effects.ts';
import type { Pkcs12Content, Pkcs12Key } from '../../formats/pkcs12.ts';
import type { Certificate } from '../../formats/x509.ts';
import type { Pkcs12KeyConfig } from '../../model/config.ts';
import type { Timer } from '../../ports/clock.ts';
import type { KeySource, KeyState, KeyStatus, SigningKey } from '../../ports/keys.ts';

const maxBytes = 2 ** 22;
// The longest a timer may run (2³¹ ms), with room.
const longestTimer = 20 * 86_400_000;

type Opened =
  | { readonly kind: 'closed'; readonly state: KeyState; readonly error?: SealError }
  | { readonly kind: 'open'; readonly key: SigningKey; readonly certificate: Certificate };

/** A software certificate in a PKCS#12 file. Opening reads the file again, so that a renewed one takes over. */
export function pkcs12Source(config: Pkcs12KeyConfig, fx: Pick<KeyEffects, 'clock' | 'files' | 'log' | 'readSecret'>): KeySource {
  return new Pkcs12Source(config, fx);
}

class Pkcs12Source implements KeySource {
  readonly name: string;
  readonly #config: Pkcs12KeyConfig;
  readonly #fx: Pick<KeyEffects, 'clock' | 'files' | 'log' | 'readSecret'>;
  readonly #listeners: (() => void)[] = [];
  #opened: Opened = { kind: 'closed', state: 'absent' };
  #timer: Timer | undefined;

  constructor(config: Pkcs12KeyConfig, fx: Pick<KeyEffects, 'clock' | 'files' | 'log' | 'readSecret'>) {
    this.name = config.name;
    this.#config = config;
    this.#fx = fx;
  }

  async open(): Promise<void> {
    try {
      await this.#open(await this.#fx.readSecret(this.#config.passphrase));
    } catch (thrown) {
      this.#refused(asSealError(thrown));
    }
  }

  async activate(pin: Buffer): Promise<void> {
    try {
      await this.#open(pin);
    } catch (thrown) {
      const error = asSealError(thrown);
      this.#refused(error);
      throw error;
    } finally {
      pin.fill(0);
    }
  }

  deactivate(): Promise<void> {
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
      const file = await this.#fx.files.read(this.#config.file, maxBytes);
      const content = await openPkcs12(file, passphrase);
      const { key, certificate } = chooseKey(content, this.#config);
      const configured = await Promise.all(this.#config.chain.map(async (path) => readPem(await this.#fx.files.read(path, maxBytes))));
      const chain = orderChain(certificate, [...content.certificates.map(({ der }) => der), ...configured.flat()]);
      const signing = softwareKey(this.name, key.privateKey, certificate.keyType(), chain);
      this.#set({ kind: 'open', key: signing, certificate });
    } finally {
      passphrase.fill(0);
    }
  }

  #refused(error: SealError): void {
    const state = error.code === 'SEAL-INPUT-MISSING' ? 'absent' : 'unusable';
    const located = new SealError(error.code, error.message, {
      where: error.where ?? this.#config.file,
      cause: error.cause,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
    this.#fx.log.warn({ key: this.name, error: located.toJSON() }, 'key cannot be used');
    this.#set({ kind: 'closed', state, error: located });
  }

  #set(opened: Opened): void {
    this.#opened = opened;
    this.#timer?.cancel();
    if (opened.kind === 'open') this.#watchDates(opened.certificate);
    for (const listener of this.#listeners) listener();
  }

  /** Tells the listeners when the certificate starts or stops being usable. */
  #watchDates(certificate: Certificate): void {
    const now = this.#fx.clock.now();
    const next = nextCertificateChange(certificate, this.#config, now);
    if (next === undefined) return;
    this.#timer = this.#fx.clock.after(Math.min(next - now, longestTimer), () => {
      if (this.#opened.kind === 'open') this.#set(this.#opened);
    });
  }
}

/**
 * The private key of the file and the certificate with its public key (whatever the file's own identifiers say). Of several pairs the first.
 * @throws SealError SEAL-KEY-MISMATCH when no certificate fits, SEAL-INPUT-INVALID without a private key
 */
function chooseKey(content: Pkcs12Content, config: Pkcs12KeyConfig): { readonly key: Pkcs12Key; readonly certificate: Certificate } {
  if (content.keys.length === 0)
    throw new SealError('SEAL-INPUT-INVALID', 'the PKCS#12 file holds no private key', {
      where: config.file,
      hint: 'export key and certificate together: openssl pkcs12 -export -inkey KEY -in CERTIFICATE -out FILE',
    });
  for (const key of content.keys) {
    const publicKey = createPublicKey(key.privateKey);
    const certificate = content.certificates
      .map(({ der }) => parseCertificate(der))
      .find((candidate) => candidate.publicKey().equals(publicKey));
    if (certificate !== undefined) return { key, certificate };
  }
  throw new SealError('SEAL-KEY-MISMATCH', 'no certificate of the PKCS#12 file belongs to its private key', {
    where: config.file,
    hint: 'export the certificate that was issued for this very key together with it',
  });
}
