import { z } from 'zod';
import { SealError } from '../errors.ts';
import { revocationReasons } from './crl.ts';
import type { Effects } from '../ports/effects.ts';
import type { RevocationReason } from '../formats/crl.ts';
import type { RevokedCertificate } from './crl.ts';
import type { CertificateStatus } from './ocsp.ts';

export type IssuerName = 'root' | 'issuing';

const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const entrySchema = z.strictObject({
  /** Hexadecimal content of the INTEGER. */
  serialNumber: hex,
  issuer: z.enum(['root', 'issuing']),
  /** Common name, for people who read the file. */
  subject: z.string(),
  notAfter: z.iso.datetime(),
  revoked: z
    .strictObject({ time: z.iso.datetime(), reason: z.enum(Object.keys(revocationReasons) as RevocationReason[]).optional() })
    .optional(),
});
const registrySchema = z.strictObject({
  version: z.literal(1),
  /** Tells the names of two installations apart. */
  installation: hex,
  /** Base of the addresses in all certificates. */
  baseUrl: z.url(),
  /** For the CRLs, relative to the directory of this file. */
  crlDirectory: z.string(),
  certificates: z.array(entrySchema),
});

export type RegistryEntry = z.output<typeof entrySchema>;
export type RegistryContent = z.output<typeof registrySchema>;

const maxBytes = 16 * 2 ** 20;

/** What the evaluation authority has issued and revoked: one JSON file, replaced whole at each change. */
export class Registry {
  readonly #fx: Pick<Effects, 'files'>;
  readonly #path: string;
  #content: RegistryContent;
  #bySerial = new Map<string, RegistryEntry>();
  /** Tells whether the file was changed by somebody else. */
  #stamp = '';

  private constructor(fx: Pick<Effects, 'files'>, path: string, content: RegistryContent) {
    this.#fx = fx;
    this.#path = path;
    this.#content = content;
    this.#use(content);
  }

  #use(content: RegistryContent): void {
    this.#content = content;
    this.#bySerial = new Map(content.certificates.map((entry) => [entry.serialNumber, entry]));
  }

  /** The registry at `path`, or undefined when there is none. @throws SealError SEAL-CONFIG-INVALID when it cannot be read */
  static async open(fx: Pick<Effects, 'files'>, path: string): Promise<Registry | undefined> {
    const stamp = await stampOf(fx, path);
    if (stamp === undefined) return undefined;
    const registry = new Registry(fx, path, parseRegistry(path, await fx.files.read(path, maxBytes)));
    registry.#stamp = stamp;
    return registry;
  }

  /**
   * Reads the file again when it was changed: another process issued a certificate, or an operator wrote a revocation into it.
   * @returns whether it had changed
   * @throws SealError SEAL-CONFIG-INVALID; then the last good content stays
   */
  async refresh(): Promise<boolean> {
    const stamp = await stampOf(this.#fx, this.#path);
    if (stamp === undefined || stamp === this.#stamp) return false;
    this.#use(parseRegistry(this.#path, await this.#fx.files.read(this.#path, maxBytes)));
    this.#stamp = stamp;
    return true;
  }

  /** Writes a new, empty registry; undefined when something of that name is there. */
  static async create(
    fx: Pick<Effects, 'files'>,
    path: string,
    head: Omit<RegistryContent, 'version' | 'certificates'>,
  ): Promise<Registry | undefined> {
    const content: RegistryContent = { version: 1, ...head, certificates: [] };
    return (await fx.files.claimDurable(path, serialize(content), 0o600)) ? Registry.open(fx, path) : undefined;
  }

  get installation(): string {
    return this.#content.installation;
  }

  get baseUrl(): string {
    return this.#content.baseUrl;
  }

  get crlDirectory(): string {
    return this.#content.crlDirectory;
  }

  get certificates(): readonly RegistryEntry[] {
    return this.#content.certificates;
  }

  /** Durable when it resolves: call it before the certificate leaves the house. */
  async add(entry: RegistryEntry): Promise<void> {
    await this.refresh();
    await this.#save({ ...this.#content, certificates: [...this.#content.certificates, entry] });
  }

  /**
   * Marks a certificate as revoked. The next CRL and every OCSP answer say so.
   * @throws SealError SEAL-INPUT-INVALID for a serial number that was not issued here
   */
  async revoke(serialNumber: Buffer, time: number, reason?: RevocationReason): Promise<void> {
    await this.refresh();
    const serial = serialNumber.toString('hex');
    if (!this.#bySerial.has(serial)) {
      throw new SealError('SEAL-INPUT-INVALID', 'the evaluation authority did not issue this certificate', {
        where: serial,
        hint: `look for its serial number in ${this.#path}`,
      });
    }
    const revoked = { time: new Date(time).toISOString(), ...(reason === undefined ? {} : { reason }) };
    const certificates = this.#content.certificates.map((entry) => (entry.serialNumber === serial ? { ...entry, revoked } : entry));
    await this.#save({ ...this.#content, certificates });
  }

  /** Entries of the CRL of one issuer. */
  revoked(issuer: IssuerName): RevokedCertificate[] {
    return this.#content.certificates.flatMap((entry) => {
      const { revoked, serialNumber } = entry;
      if (revoked === undefined || entry.issuer !== issuer) return [];
      const { reason } = revoked;
      const revocationTime = Date.parse(revoked.time);
      return [{ serialNumber: Buffer.from(serialNumber, 'hex'), revocationTime, ...(reason === undefined ? {} : { reason }) }];
    });
  }

  /** For OCSP: what was never issued is unknown. @param serialNumber content of the INTEGER */
  status(issuer: IssuerName, serialNumber: Buffer): CertificateStatus {
    const entry = this.#bySerial.get(serialNumber.toString('hex'));
    if (entry?.issuer !== issuer) return { status: 'unknown' };
    if (entry.revoked === undefined) return { status: 'good' };
    const { time, reason } = entry.revoked;
    return { status: 'revoked', revocationTime: Date.parse(time), ...(reason === undefined ? {} : { reason }) };
  }

  async #save(content: RegistryContent): Promise<void> {
    await this.#fx.files.writeDurable(this.#path, serialize(content), 0o600);
    this.#use(content);
    this.#stamp = (await stampOf(this.#fx, this.#path)) ?? '';
  }
}

function serialize(content: RegistryContent): Buffer {
  return Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`);
}

async function stampOf(fx: Pick<Effects, 'files'>, path: string): Promise<string | undefined> {
  const info = await fx.files.stat(path);
  return info && `${info.inode} ${info.ctimeNs} ${info.size}`;
}

function parseRegistry(path: string, bytes: Buffer): RegistryContent {
  try {
    return registrySchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    const message = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new SealError('SEAL-CONFIG-INVALID', `the registry of the evaluation authority is damaged: ${message}`, {
      where: path,
      cause,
      hint: 'restore it from a backup, or remove the directory and run sealtree init again',
    });
  }
}
