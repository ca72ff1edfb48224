import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { CollectingLog } from './log.ts';
import { ManualClock } from './clock.ts';
import { temporaryStoreFile } from './store.ts';
import { testAuthority, type TestAuthority } from './authority.ts';
import { treeWorker } from '../../src/effects/trees.ts';
import { SealError } from '../../src/errors.ts';
import { digestOf, sha256 } from '../../src/formats/digests.ts';
import { normalizeToken } from '../../src/formats/tsp-normalize.ts';
import { parseTimestampToken } from '../../src/formats/tsp.ts';
import { openTrust } from '../../src/pki/trust.ts';
import type { ClosingEffects, ClosingSettings } from '../../src/archive/close.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { RevocationSource } from '../../src/ports/revocation.ts';
import type { Store } from '../../src/ports/store.ts';
import type { TimestampAuthority } from '../../src/ports/tsa.ts';

/** A timestamp authority of a test trust centre behind the port. Its clock is the test's clock. */
export function testTsa(authority: TestAuthority, clock: ManualClock, name = 'tsa'): TimestampAuthority & { down: boolean } {
  return {
    name,
    down: false,
    async timestamp({ digest, messageImprint }) {
      if (this.down) throw new SealError('SEAL-TSA-UNAVAILABLE', `${name} does not answer`);
      authority.setTime(Math.floor(clock.now() / 1000) * 1000);
      const token = normalizeToken(await authority.timestamp(digest, messageImprint));
      const { genTime, accuracy } = parseTimestampToken(token);
      return { token, genTime, accuracy, certificate: authority.tsaIdentity.certificate, tsa: name };
    },
  };
}

/** CRLs made when they are asked for. */
export function freshCrls(authority: TestAuthority, clock: ManualClock): RevocationSource {
  return {
    find: () => {
      authority.setTime(Math.floor(clock.now() / 1000) * 1000);
      return Promise.resolve({ crls: authority.crls(), ocsps: [], failures: [] });
    },
  };
}

export interface TestArchive {
  readonly fx: ClosingEffects & { readonly store: Store };
  readonly settings: ClosingSettings;
  readonly clock: ManualClock;
  readonly log: CollectingLog;
  readonly authority: TestAuthority;
  readonly tsas: readonly (TimestampAuthority & { down: boolean })[];
  /** Of the database. */
  readonly file: string;
}

/** A real store, a real tree worker, and a trust centre with two authorities, all ended with the test. */
export async function testArchive(t: TestContext, archive: Partial<ClosingSettings['archive']> = {}, start?: number): Promise<TestArchive> {
  const clock = new ManualClock(start);
  const authority = testAuthority({ now: Math.floor(clock.now() / 1000) * 1000 });
  const log = new CollectingLog();
  const { store, file } = await temporaryStoreFile(t, clock);
  const trees = treeWorker(join(dirname(file), 'tiles'));
  t.after(() => trees.close());
  const tsas = [testTsa(authority, clock, 'first'), testTsa(authority, clock, 'second')];
  const fx = {
    clock,
    log,
    trees,
    store,
    revocation: freshCrls(authority, clock),
    tsas: new Map(tsas.map((tsa) => [tsa.name, tsa])),
  };
  const settings: ClosingSettings = {
    archive: {
      timezone: 'Europe/Berlin',
      closeAt: '18:00',
      closing: { kind: 'daily' },
      digest: 'sha256',
      timestamps: 1,
      revocationGrace: 24 * 3_600_000,
      ...archive,
    },
    tsas: tsas.map(({ name }) => ({ name, digest: 'sha256' })),
    trust: openTrust({
      anchors: [authority.root.certificate],
      certificates: [authority.issuing.certificate],
      revocation: { crls: [], ocsps: [], failures: [] },
      revocationMode: 'require',
    }),
  };
  return { fx, settings, clock, log, authority, tsas, file };
}

/** Stand-ins for documents: their bytes are their names. */
export function documentBytes(name: string): Buffer {
  return Buffer.from(`document ${name}`);
}

export function documentHash(name: string, digest: DigestAlgorithm = 'sha256'): Buffer {
  return digestOf(digest, documentBytes(name));
}

/** Puts single leaves straight into the open tree, as a batch would. */
export async function appendDocuments({ fx, settings }: TestArchive, names: readonly string[]): Promise<void> {
  const { digest } = settings.archive;
  await fx.store.appendLeaves({
    tree: { date: new Date(fx.clock.now()).toISOString().slice(0, 10), at: fx.clock.now(), digest, layout: 1 },
    leaves: names.map((name) => ({ kind: 'document', members: [documentHash(name, digest)] })),
    blobs: [],
  });
}

/** A batch of the store in state `signed`, its documents verified: what `appendBatch` gets. */
export async function signedBatch(
  { fx, settings }: TestArchive,
  id: string,
  documents: readonly { readonly name: string; readonly embedded?: boolean; readonly unsigned?: boolean }[],
): Promise<void> {
  const { store } = fx;
  const { digest } = settings.archive;
  const at = fx.clock.now();
  const keys = documents.some(({ unsigned }) => unsigned === true) ? [] : ['seal'];
  await store.createBatch({
    id,
    root: 'files',
    relPath: Buffer.from(id),
    options: {},
    priority: 0,
    profile: 'cades-b-b',
    keys,
    outPath: Buffer.from(id),
    approvedAt: at,
    claimedAt: at,
    semaphore: Buffer.from('APPROVED'),
    state: 'claimed',
  });
  const digests = new Set<DigestAlgorithm>(['sha256', digest]);
  await store.recordSpooled(
    id,
    documents.map(({ name }, seq) => ({
      seq,
      relPath: Buffer.from(name),
      size: documentBytes(name).length,
      digests: [...digests].map((algorithm) => [algorithm, documentHash(name, algorithm)] as const),
    })),
  );
  await store.advance(id, 'spooled', 'admitted');
  const rows = await store.documents(id);
  if (keys.length > 0) {
    const intents = await store.recordIntents(
      'seal',
      rows.map((row) => row.id),
      at,
    );
    await store.recordOutcomes(
      intents.map((intent) => {
        const row = rows.find((candidate) => candidate.id === intent.document);
        const name = row?.relPath.toString() ?? '';
        const signature = signatureBytes(name);
        const embedded = documents.find((document) => document.name === name)?.embedded === true;
        return {
          intent: intent.id,
          document: intent.document,
          signature: {
            key: 'seal',
            certificate: sha256(Buffer.from('certificate')),
            format: embedded ? 'pades' : 'cades',
            level: 'B-B',
            signingTime: at,
            parts: embedded ? [{ offset: 0, length: documentBytes(name).length }, signature] : [signature],
            outputName: Buffer.from(embedded ? name : `${name}.p7s`),
          },
        } as const;
      }),
    );
  }
  await store.recordVerified(
    rows.map((row) => {
      const output = outputBytes(row.relPath.toString(), documents);
      return {
        document: row.id,
        outputDigest: sha256(output),
        ...(digest === 'sha256' ? {} : { archiveDigest: digestOf(digest, output) }),
        outputSize: output.length,
        report: {},
      };
    }),
  );
  await store.advance(id, 'admitted', 'signed');
}

/** The signature of a document, or what is appended to it. */
export function signatureBytes(name: string): Buffer {
  return Buffer.from(`signature of ${name}`);
}

/** The output that belongs to a document of `signedBatch`. */
export function outputBytes(name: string, documents: readonly { readonly name: string; readonly embedded?: boolean }[]): Buffer {
  const embedded = documents.find((document) => document.name === name)?.embedded === true;
  return embedded ? Buffer.concat([documentBytes(name), signatureBytes(name)]) : signatureBytes(name);
}
