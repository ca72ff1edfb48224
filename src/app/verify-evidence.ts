import { parseEvidenceRecord } from '../formats/ers.ts';
import { parseTimestampToken } from '../formats/tsp.ts';
import { loadXml, looksLikeXml } from '../formats/xml.ts';
import { parseXmlEvidenceRecord } from '../formats/xmlers.ts';
import type { AnyDigest, DigestAlgorithm } from '../model/algorithms.ts';
import type { Effects } from '../ports/effects.ts';
import type { Path } from '../ports/files.ts';

type IndexEffects = Pick<Effects, 'files'>;

const maxRecord = 64 * 2 ** 20;

/** Which of many evidence records belong to which of many files: those whose first list holds the hash of the file or of its document. */
export class EvidenceIndex {
  readonly #records: readonly string[];
  readonly #byHash = new Map<string, string[]>();
  readonly #digests = new Set<DigestAlgorithm>();
  readonly #used = new Set<string>();

  private constructor(records: readonly string[]) {
    this.#records = records;
  }

  /** Reads records. Hostile input: one that cannot be read belongs to no file. @throws SealError SEAL-INPUT-MISSING, SEAL-DISK-* */
  static async read(fx: IndexEffects, records: readonly string[]): Promise<EvidenceIndex> {
    const index = new EvidenceIndex(records);
    for (const record of records) {
      const bytes = await fx.files.read(record, maxRecord);
      if (looksLikeXml(bytes)) await loadXml();
      index.#add(record, bytes);
    }
    return index;
  }

  #add(record: string, bytes: Buffer): void {
    try {
      const { digest, hashes } = firstList(bytes);
      if (digest !== 'sha256' && digest !== 'sha384' && digest !== 'sha512') return;
      this.#digests.add(digest);
      for (const hash of hashes) {
        const key = hash.toString('hex');
        this.#byHash.set(key, [...(this.#byHash.get(key) ?? []), record]);
      }
    } catch {
      // It gets a verdict of its own.
    }
  }

  /** The records of a file. None holds it: the first of all, which then says so in the file's report. */
  async of(fx: IndexEffects, files: readonly Path[]): Promise<string[]> {
    const found = new Set<string>();
    const digests = [...this.#digests];
    for (const file of files)
      for (const hash of digests.length === 0 ? [] : (await fx.files.digest(file, digests)).values())
        for (const record of this.#byHash.get(hash.toString('hex')) ?? []) found.add(record);
    for (const record of found) this.#used.add(record);
    return found.size === 0 ? this.#records.slice(0, 1) : [...found];
  }

  /** Records that belong to none of the files so far. */
  get unused(): readonly string[] {
    return this.#records.filter((record) => !this.#used.has(record));
  }
}

function firstList(bytes: Buffer): { readonly digest: AnyDigest; readonly hashes: readonly Buffer[] } {
  if (looksLikeXml(bytes)) {
    const [chain] = parseXmlEvidenceRecord(bytes).chains;
    const [first] = chain?.timestamps ?? [];
    if (chain === undefined || first === undefined) throw new Error('no timestamp');
    return { digest: chain.digest, hashes: first.hashTree?.[0] ?? [parseTimestampToken(first.token).messageImprint.value] };
  }
  const [first] = parseEvidenceRecord(bytes).chains[0]?.timestamps ?? [];
  if (first === undefined) throw new Error('no timestamp');
  const { algorithm, value } = parseTimestampToken(first.timeStamp).messageImprint;
  return { digest: first.digestAlgorithm ?? algorithm, hashes: first.reducedHashtree?.[0] ?? [value] };
}
