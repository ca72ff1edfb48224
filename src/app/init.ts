import { createAuthority } from '../authority/create.ts';
import { CrlPublisher } from '../authority/publish.ts';
import { createSigners } from '../authority/signers.ts';
import { formats } from '../formats/index.ts';
import { writePem } from '../formats/pem.ts';
import { initialConfig } from './init-config.ts';
import { baseUrl } from './tsa.ts';
import type { EvaluationAuthority } from '../authority/authority.ts';
import type { Effects } from '../ports/effects.ts';
import type { HttpServer } from '../ports/http-server.ts';

export interface InitOptions {
  /** Absolute path; made when it is missing. */
  readonly directory: string;
  /** The directory as the operator wrote it: stands in the commands. */
  readonly shownAs: string;
  /** How the program is called in the commands. */
  readonly program: string;
  /** IANA name for the archive's day. */
  readonly timezone: string;
  /** Makes an empty database in a data directory; resolves to its path. */
  readonly createDatabase: (dataDir: string) => Promise<string>;
}

export interface InitResult {
  /** Absolute paths, directories with a slash at the end. */
  readonly created: readonly string[];
  /** Files that were there and were left alone. */
  readonly kept: readonly string[];
  /** Three commands to copy: drop a file and approve it, run, verify. */
  readonly commands: readonly string[];
}

const host = '127.0.0.1';
/** Ports that neither well-known services have nor systems give to outgoing connections (Linux from 32768 on). */
const ports = { first: 20_000, count: 12_000 };
const trees = ['incoming', 'outgoing', 'done', 'failed'] as const;

type InitEffects = Pick<Effects, 'clock' | 'files' | 'log' | 'random'> & { readonly httpServer: HttpServer };

/**
 * Sets up a directory that is ready to run: configuration, roots, an evaluation authority with two signing keys, trust anchor and CRLs.
 * Overwrites nothing: what exists is kept and named, what is missing is made, also after an earlier call was interrupted.
 * @throws SealError SEAL-DISK-*, SEAL-CONFIG-SECRET or SEAL-KEY-MISMATCH when what is there does not fit together
 */
export async function initialize(fx: InitEffects, options: InitOptions): Promise<InitResult> {
  const { directory } = options;
  const setup = new Setup(fx, directory);
  for (const [path, mode] of directories) await setup.makeDirectory(path, mode);
  const { authority, created } = await createAuthority(fx, {
    dir: `${directory}/keys/evaluation`,
    baseUrl: baseUrl(host, await freePort(fx)),
    crlDir: `${directory}/crls`,
  });
  setup.note(created, [`${directory}/keys/evaluation/authority.json`]);
  await setup.makeSigners(authority);
  await setup.publishCrls(authority);
  await setup.write('trust.pem', writePem(authority.root.certificate));
  // Where there was a configuration there was a database too: one that is gone is for the operator to find, not for us to replace.
  if (!(await setup.exists('roots.yaml'))) await setup.createDatabase(options);
  // Last: a directory with a configuration is complete.
  const { host: address } = new URL(authority.registry.baseUrl);
  await setup.write('roots.yaml', initialConfig({ address, timezone: options.timezone, formats }));
  return { ...setup.result(), commands: nextCommands(options) };
}

const directories: readonly (readonly [path: string, mode: number])[] = [
  ['', 0o755],
  ['crls', 0o755],
  ['keys', 0o700],
  ['data', 0o700],
  ...['pdf', 'files'].flatMap((root) => trees.map((tree) => [`roots/${root}/${tree}`, 0o755] as const)),
];

/**
 * A port that nobody listens on, drawn at random: it goes into every certificate, and other installations on this machine, of which none may run
 * just now, must not have chosen the same.
 */
async function freePort({ httpServer, random }: Pick<InitEffects, 'httpServer' | 'random'>): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = ports.first + (random.bytes(4).readUInt32BE() % ports.count);
    try {
      const listener = await httpServer.serve(host, port, () => Promise.reject(new Error('not served')));
      await listener.close();
      return port;
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}

class Setup {
  readonly #fx: InitEffects;
  readonly #directory: string;
  readonly #created: string[] = [];
  readonly #kept: string[] = [];

  constructor(fx: InitEffects, directory: string) {
    this.#fx = fx;
    this.#directory = directory;
  }

  result(): Pick<InitResult, 'created' | 'kept'> {
    return { created: this.#created, kept: this.#kept };
  }

  /** Records what was made, and of `expected` what was not. */
  note(created: readonly string[], expected: readonly string[]): void {
    this.#created.push(...created);
    this.#kept.push(...expected.filter((path) => !created.includes(path)));
  }

  async makeDirectory(name: string, mode: number): Promise<void> {
    const path = name === '' ? this.#directory : `${this.#directory}/${name}`;
    if ((await this.#fx.files.stat(path)) !== undefined) return;
    await this.#fx.files.makeDirectory(path, mode);
    this.#created.push(`${path}/`);
  }

  async exists(name: string): Promise<boolean> {
    return (await this.#fx.files.stat(`${this.#directory}/${name}`)) !== undefined;
  }

  async createDatabase({ createDatabase }: InitOptions): Promise<void> {
    const had = await this.exists('data/sealtree.db');
    const path = await createDatabase(`${this.#directory}/data`);
    this.note(had ? [] : [path], [path]);
  }

  async write(name: string, text: string): Promise<void> {
    const path = `${this.#directory}/${name}`;
    const created = await this.#fx.files.claimDurable(path, Buffer.from(text), 0o644);
    this.note(created ? [path] : [], [path]);
  }

  async makeSigners(authority: EvaluationAuthority): Promise<void> {
    const keys = `${this.#directory}/keys`;
    const signers = [
      { file: `${keys}/evaluation-rsa.p12`, kind: 'rsa3072', commonName: 'Sealtree EVALUATION Signer 1 (RSA 3072)' },
      { file: `${keys}/evaluation-ec.p12`, kind: 'p256', commonName: 'Sealtree EVALUATION Signer 2 (P-256)' },
    ] as const;
    const passphrase = `${keys}/evaluation.pass`;
    const created = await createSigners(this.#fx, authority, passphrase, signers);
    this.note(created, [passphrase, ...signers.map(({ file }) => file)]);
  }

  async publishCrls(authority: EvaluationAuthority): Promise<void> {
    const publisher = new CrlPublisher(this.#fx, authority);
    const paths = [publisher.path('root'), publisher.path('issuing')];
    const before = new Set<string>();
    for (const path of paths) if ((await this.#fx.files.stat(path)) !== undefined) before.add(path);
    // A CRL that ran out is made anew: that is what it is for, and nothing of the operator's.
    await publisher.refresh();
    this.note(
      paths.filter((path) => !before.has(path)),
      paths,
    );
  }
}

function nextCommands({ shownAs, program }: InitOptions): string[] {
  const at = (path: string) => quote(shownAs === '.' ? path : `${shownAs.replace(/\/+$/, '')}/${path}`);
  const config = `--config ${at('roots.yaml')}`;
  const batch = at('roots/files/incoming/first');
  const output = at('roots/files/outgoing/first/letter.txt');
  return [
    `mkdir ${batch} && echo 'Good morning' > ${at('roots/files/incoming/first/letter.txt')} && touch ${at('roots/files/incoming/first/APPROVED')}`,
    `${program} run --once ${config}`,
    `${program} verify ${config} ${at('roots/files/outgoing/first/letter.txt.p7s')} --document ${output}`,
  ];
}

/** For a POSIX shell. */
function quote(path: string): string {
  return /^[\w./+,:@%-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
