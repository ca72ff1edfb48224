import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { askControl } from '../../src/effects/control.ts';
import { SealError } from '../../src/errors.ts';
import { opensslCms } from '../support/judges.ts';
import { assertComplete } from './ready.ts';
import { deliveries } from './deliveries.ts';
import { House, until } from './house.ts';
import { readLedger, type Ledger } from './ledger.ts';
import type { StackView } from '../../src/app/key-stack.ts';
import type { KeyView } from '../../src/app/keys.ts';
import type { OperationName } from '../../src/app/operation-types.ts';
import type { TestAuthority } from '../support/authority-types.ts';

type Settings = Readonly<Record<string, unknown>>;

export interface CardSettings {
  /** Section `keys`. */
  readonly keys: Readonly<Record<string, Settings>>;
  /** Root → names of its keys, or more settings of it. */
  readonly roots: Readonly<Record<string, readonly string[] | Settings>>;
  /** Further profiles, each with what it has otherwise. */
  readonly profiles?: Readonly<Record<string, Settings>>;
  /** Of the one profile; by default CAdES-B-B, SHA-256, PKCS #1 v1.5, which every card can. */
  readonly profile?: Settings;
}

/** A house whose keys lie on cards, trusted by the authority of a test; no network, no timestamps. */
export class CardHouse extends House {
  readonly #authority: TestAuthority;
  #pins = 0;

  constructor(authority: TestAuthority, settings: CardSettings) {
    super(mkdtempSync(join(tmpdir(), 'sealtree-cards-')));
    this.#authority = authority;
    authority.write(this.directory);
    writeFileSync(this.config, stringify(configuration(settings)));
    for (const root of Object.keys(settings.roots)) mkdirSync(join(this.directory, 'roots', root), { recursive: true });
  }

  /** Text files `0.txt` … in an approved batch. */
  batch(root: string, path: string, count: number): void {
    this.place(root, path, Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.txt`, `document ${n} of ${path}\n`])));
  }

  delivered(root: string, path: string): boolean {
    return existsSync(join(this.at(root, 'outgoing', path), 'READY'));
  }

  async untilDelivered(root: string, path: string): Promise<void> {
    await until(`${path} is delivered`, () => this.delivered(root, path));
  }

  /**
   * Every document of a delivered batch has a signature that OpenSSL accepts, up to the anchor. @returns how many each key made
   */
  async proven(root: string, path: string, count: number): Promise<Readonly<Record<string, number>>> {
    const { trust, intermediates } = this.#authority.write(this.directory);
    assert.ok(assertComplete(this.directory, root).includes(path));
    const own = deliveries(this.directory, [root]).filter(({ batch }) => batch === path);
    assert.equal(own.length, count);
    for (const { document, signature } of own) {
      assert.ok(signature !== undefined, document);
      const { accepted, output } = await opensslCms(signature, { anchors: trust, intermediates }, document);
      assert.ok(accepted, `${signature}: ${output}`);
    }
    const report = JSON.parse(readFileSync(join(this.at(root, 'outgoing', path), 'batch-report.json'), 'utf8')) as {
      documents: readonly { signature: { key: string } }[];
    };
    const made: Record<string, number> = {};
    for (const { signature } of report.documents) made[signature.key] = (made[signature.key] ?? 0) + 1;
    return made;
  }

  /** A private file with a PIN. */
  pinFile(pin: string): string {
    const file = join(this.directory, `pin-${++this.#pins}`);
    writeFileSync(file, pin);
    chmodSync(file, 0o600);
    return file;
  }

  /** Gives the daemon a PIN; for an individual card with the SHA-256 of the document that was shown. @returns the code it was refused with, or `ready` */
  async activate(name: string, pin: string, document?: string): Promise<string> {
    return await this.#activate({ name, ...(document === undefined ? {} : { document }) }, Buffer.from(pin));
  }

  /** The same, where the pad of the reader asks for the PIN. */
  async activateAtReader(name: string): Promise<string> {
    return await this.#activate({ name, atReader: true });
  }

  async #activate(args: object, pin?: Buffer): Promise<string> {
    try {
      return ((await this.#ask('key.activate', args, pin)) as KeyView).state;
    } catch (thrown) {
      if (thrown instanceof SealError) return thrown.code;
      throw thrown;
    }
  }

  /** What the next PIN of a key with `activation: stack` would permit. */
  async stack(name: string, ...batches: string[]): Promise<StackView> {
    return (await this.#ask('key.stack', { name, batches })) as StackView;
  }

  /** Gives the daemon a PIN for the list with this SHA-256. @returns the code it was refused with, or `entered` */
  async activateStack(name: string, pin: string, sha256: string, ...batches: string[]): Promise<string> {
    try {
      await this.#ask('key.activate', { name, stack: { batches, sha256 } }, Buffer.from(pin));
      return 'entered';
    } catch (thrown) {
      if (thrown instanceof SealError) return thrown.code;
      throw thrown;
    }
  }

  async deactivate(name: string): Promise<void> {
    await this.#ask('key.deactivate', { name });
  }

  async key(name: string): Promise<KeyView> {
    const key = ((await this.#ask('key.list', {})) as KeyView[]).find((view) => view.name === name);
    assert.ok(key !== undefined, name);
    return key;
  }

  /** Through the daemon's socket, as the command line does. */
  async #ask(operation: OperationName, args: object, secret?: Buffer): Promise<unknown> {
    const answer = await askControl(join(this.directory, 'data'), { operation, args, actor: 'test' }, secret);
    assert.ok(answer !== undefined, 'no daemon runs');
    return answer.result;
  }

  async untilKey(name: string, state: KeyView['state']): Promise<void> {
    await until(`${name} is ${state}`, async () => (await this.key(name)).state === state);
  }

  /** Signatures that are recorded so far. */
  signed(): number {
    return this.ledger().intents.signed;
  }

  ledger(): Ledger {
    return readLedger(this.directory);
  }
}

function configuration({ keys, roots, profile, profiles = {} }: CardSettings): Settings {
  const plain = { format: 'cades', level: 'B-B', digest: 'sha256', padding: 'pkcs1', ...profile };
  return {
    data: './data',
    log: { level: 'debug' },
    trust: { anchors: ['./trust.pem'], certificates: ['./issuing.pem'], crls: ['./root.crl', './issuing.crl'], fetch: false },
    keys,
    tsas: { none: { url: 'http://127.0.0.1:9/' } },
    profiles: { plain, ...Object.fromEntries(Object.entries(profiles).map(([name, other]) => [name, { ...plain, ...other }])) },
    roots: Object.fromEntries(
      Object.entries(roots).map(([name, own]) => [
        name,
        {
          ...{ path: `./roots/${name}`, profile: 'plain', settle: '100ms', sweep: '500ms', minFree: '1MiB' },
          ...('length' in own ? { keys: own } : own),
        },
      ]),
    ),
    archive: { tsas: ['none'] },
  };
}
