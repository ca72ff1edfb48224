import { asSealError } from '../errors.ts';
import { nameValues } from '../formats/names-dn.ts';
import { oids } from '../formats/oids.ts';
import { isQualifiedPersonal } from '../formats/qc-statements.ts';
import { distinguishedName, parseCertificate } from '../formats/x509.ts';
import type { Certificate } from '../formats/x509.ts';
import type { Config, KeyConfig } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { KeySource } from '../ports/keys.ts';
import { signsStacks } from './key-stack.ts';
import { isoTime } from './views.ts';

type AuditEffects = Pick<Effects, 'clock' | 'keys' | 'log' | 'store'>;

/** Who acts where nobody does: a configured PIN, a limit, a card that was pulled. */
const itself = 'sealtree';

/**
 * Writes into the audit log what happens to the keys, whoever makes it happen: activations with their holder and limits, their end, and a renewed
 * certificate that takes over. What was written last is remembered in the database, so a restart repeats nothing.
 */
export class KeyAudit {
  readonly #fx: AuditEffects;
  readonly #config: Pick<Config, 'keys' | 'roots'>;
  readonly #actors = new Map<string, string>();
  readonly #tails = new Map<string, Promise<void>>();
  #stopped = false;

  constructor(fx: AuditEffects, config: Pick<Config, 'keys' | 'roots'>) {
    this.#fx = fx;
    this.#config = config;
  }

  /** Follows the keys from now on. */
  start(): void {
    for (const source of this.#fx.keys) {
      source.onChange(() => void this.#note(source));
      void this.#note(source);
    }
  }

  /** What happens from now on is the daemon's end and no event. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#tails.values());
  }

  /** A person makes something happen to a key: rows that are written meanwhile name that person. */
  async by<T>(actor: string, source: KeySource, work: () => Promise<T>): Promise<T> {
    this.#actors.set(source.name, actor);
    try {
      const result = await work();
      await this.#note(source);
      return result;
    } finally {
      this.#actors.delete(source.name);
    }
  }

  /** What an activation means, for its row: holder, time, roots, limits, and the list of documents where it is for one. */
  async describe(source: KeySource): Promise<Readonly<Record<string, unknown>>> {
    const { name } = source;
    const { activation, token } = source.status();
    const certificate = certificateOf(source);
    const config = this.#config.keys[name];
    return {
      key: name,
      ...(certificate === undefined ? {} : { holder: holderOf(certificate), certificate: describeCertificate(certificate) }),
      ...(certificate !== undefined && qualifiedPersonal(certificate) ? { qualifiedPersonal: true } : {}),
      ...(token === undefined ? {} : { token: token.serial }),
      roots: config === undefined ? [] : this.#rootsOf(config),
      ...(config?.source === 'pkcs11' ? { kind: config.kind, activation: config.activation ?? 'window' } : {}),
      ...(activation === undefined ? {} : await this.#stackOf(name, activation.since)),
      ...(config?.source === 'pkcs11' && config.maxSignatures !== undefined ? { maxSignatures: config.maxSignatures } : {}),
      ...(activation === undefined ? {} : { since: isoTime(activation.since) }),
      ...(activation?.until === undefined ? {} : { until: isoTime(activation.until) }),
    };
  }

  async #stackOf(name: string, since: number): Promise<object> {
    if (!signsStacks(this.#config.keys[name])) return {};
    const stack = await this.#fx.store.stackOf(name, since);
    return stack === undefined ? {} : { stack: { documents: stack.documents, sha256: stack.digest.toString('hex') } };
  }

  /** How far a list came. */
  async #doneOf(name: string, since: number): Promise<object> {
    const counts = await this.#fx.store.stackCounts(name, since);
    if (counts === undefined) return {};
    const { digest, documents, signed } = counts;
    return { stack: { documents, signed, sha256: digest.toString('hex') } };
  }

  /** Roots that may use a key. */
  #rootsOf({ name, roots }: KeyConfig): string[] {
    return Object.values(this.#config.roots)
      .filter((root) => root.keys.includes(name) && (roots.length === 0 || roots.includes(root.name)))
      .map((root) => root.name);
  }

  /** Of one key one thing after the other. Never rejects. */
  #note(source: KeySource): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const tail = (this.#tails.get(source.name) ?? Promise.resolve()).then(async () => {
      try {
        await this.#noteActivation(source);
        await this.#noteCertificate(source);
      } catch (thrown) {
        this.#fx.log.error({ key: source.name, error: asSealError(thrown).toJSON() }, 'the audit log could not be written');
      }
    });
    this.#tails.set(source.name, tail);
    return tail;
  }

  async #noteActivation(source: KeySource): Promise<void> {
    const { store } = this.#fx;
    const meta = `key-activation.${source.name}`;
    const { activation, error } = source.status();
    const known = (await store.meta(meta)) ?? '';
    const since = activation === undefined ? '' : String(activation.since);
    if (since === known) return;
    const actor = this.#actors.get(source.name);
    if (since !== '') await this.#write(actor ?? itself, 'key-activated', await this.describe(source));
    // Who deactivates writes a row of his own.
    else if (actor === undefined)
      await this.#write(itself, 'key-activation-ended', {
        key: source.name,
        ...(error === undefined ? {} : { code: error.code }),
        ...(await this.#doneOf(source.name, Number(known))),
      });
    await store.setMeta(meta, since);
  }

  async #noteCertificate(source: KeySource): Promise<void> {
    const { log, store } = this.#fx;
    const der = source.key()?.chain[0];
    if (der === undefined) return;
    const meta = `key-certificate.${source.name}`;
    const to = describeCertificate(parseCertificate(der));
    const known = await store.meta(meta);
    const from = known === undefined ? undefined : (JSON.parse(known) as CertificateMark);
    if (from?.sha256 === to.sha256) return;
    if (from !== undefined) {
      log.info({ key: source.name, from, to }, 'another certificate of the key is used from now on');
      await this.#write(this.#actors.get(source.name) ?? itself, 'key-certificate-changed', { key: source.name, from, to });
    }
    await store.setMeta(meta, JSON.stringify(to));
  }

  async #write(actor: string, action: string, details: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#fx.store.audit({ at: this.#fx.clock.now(), actor, action, details });
  }
}

interface CertificateMark {
  readonly subject: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly sha256: string;
  readonly notAfter: string;
}

function describeCertificate({ subject, serialNumber, sha256, notAfter }: Certificate): CertificateMark {
  return {
    subject: distinguishedName(subject),
    serialNumber: serialNumber.toString('hex'),
    sha256: sha256.toString('hex'),
    notAfter: isoTime(notAfter),
  };
}

function certificateOf(source: KeySource): Certificate | undefined {
  const der = source.key()?.chain[0] ?? source.status().certificate;
  return der === undefined ? undefined : parseCertificate(der);
}

/** The common name, or the whole name where there is none. */
function holderOf({ subject }: Certificate): string {
  return nameValues(subject, oids.commonName)[0] ?? distinguishedName(subject);
}

function qualifiedPersonal(certificate: Certificate): boolean {
  try {
    return isQualifiedPersonal(certificate);
  } catch {
    return false;
  }
}
