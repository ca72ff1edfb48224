import { createPublicKey } from 'node:crypto';
import { relative } from 'node:path';
import { SealError } from '../errors.ts';
import { writePem } from '../formats/pem.ts';
import { certificateFile, evaluationName, issuerAddresses, keyFile, readIdentity, readKey, registryFile } from './authority.ts';
import { createRoot } from './ca.ts';
import { backdating, issueAndRecord } from './issue.ts';
import { Registry } from './registry.ts';
import { authorityKey, generateKey } from './signing.ts';
import type { Effects } from '../ports/effects.ts';
import type { EvaluationAuthority } from './authority.ts';
import type { CertificateProfile, Issuer } from './ca.ts';
import type { IssuerName } from './registry.ts';
import type { AuthorityKey, Identity, KeyKind } from './signing.ts';

export interface NewAuthority {
  /** Private to the authority: keys, certificates, registry. Made with mode 0700. */
  readonly dir: string;
  /** Where it will be served, such as http://127.0.0.1:3180: stands in every certificate. */
  readonly baseUrl: string;
  /** For evaluation-root.crl and evaluation-issuing.crl. */
  readonly crlDir: string;
}

export interface CreatedAuthority {
  readonly authority: EvaluationAuthority;
  /** Paths that were written now; empty when everything was there. */
  readonly created: readonly string[];
}

const year = 365 * 24 * 3_600_000;
/** ms. A CA outlives what it issues; the TSA's certificate ends early enough that renewals can be tried. */
export const lifetimes = { root: 20 * year, issuing: 15 * year, ocsp: 10 * year, tsa: 5 * year, signer: 3 * year } as const;

interface Plan {
  readonly name: 'issuing' | 'tsa' | 'ocsp';
  readonly kind: KeyKind;
  readonly profile: CertificateProfile;
  readonly commonName: string;
  readonly validity: number;
}

const issuingCa: Plan = {
  name: 'issuing',
  kind: 'p384',
  profile: 'issuingCa',
  commonName: 'Sealtree EVALUATION Issuing CA 1',
  validity: lifetimes.issuing,
};
const tsa: Plan = { name: 'tsa', kind: 'p256', profile: 'tsa', commonName: 'Sealtree EVALUATION TSA 1', validity: lifetimes.tsa };
const ocsp: Plan = { name: 'ocsp', kind: 'p256', profile: 'ocsp', commonName: 'Sealtree EVALUATION OCSP 1', validity: lifetimes.ocsp };

/**
 * Makes the evaluation authority, or what is missing of it: a call that was interrupted is simply repeated, and nothing that exists is
 * replaced. All its keys are elliptic: their signatures have no end date in today's catalogues (ETSI TS 119 312 ends RSA PKCS#1 v1.5).
 * @throws SealError SEAL-KEY-MISMATCH when files of two authorities were mixed, SEAL-CONFIG-SECRET, SEAL-DISK-*
 */
export async function createAuthority(fx: Pick<Effects, 'clock' | 'files' | 'random'>, wanted: NewAuthority): Promise<CreatedAuthority> {
  await fx.files.makeDirectory(wanted.dir, 0o700);
  const path = registryFile(wanted.dir);
  const installation = fx.random.bytes(4).toString('hex');
  const head = { installation, baseUrl: wanted.baseUrl, crlDirectory: relative(wanted.dir, wanted.crlDir) };
  const made = await Registry.create(fx, path, head);
  const registry = made ?? (await Registry.open(fx, path));
  if (registry === undefined) throw new SealError('SEAL-DISK-IO', 'the registry vanished while it was made', { where: path });
  return new Creation(fx, wanted.dir, registry, made ? [path] : []).run();
}

class Creation {
  readonly #fx: Pick<Effects, 'clock' | 'files' | 'random'>;
  readonly #dir: string;
  readonly #registry: Registry;
  readonly #created: string[];

  constructor(fx: Pick<Effects, 'clock' | 'files' | 'random'>, dir: string, registry: Registry, created: readonly string[]) {
    this.#fx = fx;
    this.#dir = dir;
    this.#registry = registry;
    this.#created = [...created];
  }

  async run(): Promise<CreatedAuthority> {
    const root = this.#issuer('root', await this.#identity('root', 'p384', (key) => Promise.resolve(this.#certifyRoot(key))));
    const issuing = this.#issuer('issuing', await this.#issued(root, 'root', issuingCa));
    const rest = { tsa: await this.#issued(issuing, 'issuing', tsa), ocsp: await this.#issued(issuing, 'issuing', ocsp) };
    return { authority: { dir: this.#dir, registry: this.#registry, root, issuing, ...rest }, created: this.#created };
  }

  #issuer(name: IssuerName, identity: Identity): Issuer {
    return { ...identity, addresses: issuerAddresses(name, this.#registry.baseUrl) };
  }

  #certifyRoot(key: AuthorityKey): Buffer {
    const now = this.#fx.clock.now();
    const subject = evaluationName(this.#registry.installation, 'Sealtree EVALUATION Root CA 1');
    return createRoot(this.#fx, key, { subject, notBefore: now - backdating, notAfter: now + lifetimes.root });
  }

  #issued(issuer: Issuer, issuerName: IssuerName, plan: Plan): Promise<Identity> {
    return this.#identity(plan.name, plan.kind, (key) =>
      issueAndRecord(this.#fx, { issuer, issuerName, registry: this.#registry }, { ...plan, publicKey: createPublicKey(key.privateKey) }),
    );
  }

  /** Key first, certificate second: what an interrupted call left is used again. */
  async #identity(name: string, kind: KeyKind, certify: (key: AuthorityKey) => Promise<Buffer>): Promise<Identity> {
    const { files } = this.#fx;
    if ((await files.stat(keyFile(this.#dir, name))) === undefined) {
      const privateKey = await generateKey(kind);
      const plain = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
      await this.#write(keyFile(this.#dir, name), plain, 0o600);
      plain.fill(0);
    }
    if ((await files.stat(certificateFile(this.#dir, name))) === undefined) {
      const privateKey = await readKey(this.#fx, keyFile(this.#dir, name));
      await this.#write(certificateFile(this.#dir, name), Buffer.from(writePem(await certify(authorityKey(privateKey)))), 0o644);
    }
    return readIdentity(this.#fx, this.#dir, name);
  }

  async #write(path: string, bytes: Buffer, mode: number): Promise<void> {
    if (await this.#fx.files.claimDurable(path, bytes, mode)) this.#created.push(path);
  }
}
