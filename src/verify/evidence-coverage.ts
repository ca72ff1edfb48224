import { broken, open, type Finding } from './evidence-findings.ts';
import { firstList, type EvidenceObject, type ExpectedHash, type RehashOrder } from './evidence-hashes.ts';
import { placeOf, type EvidenceChain, type EvidenceTimeStamp } from './evidence-records.ts';

/** Which objects a record proves, and what is wrong with that. */
export interface Coverage {
  /** Names. */
  readonly covered: readonly string[];
  /** How the hash-tree renewals of an RFC 4998 record were hashed. */
  readonly order?: RehashOrder;
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
}

/** Looks each object up in the first timestamp of every chain, and behind a hash-tree renewal in XML the earlier chains. */
export function coverageOf(chains: readonly EvidenceChain[], objects: readonly EvidenceObject[]): Coverage {
  if (objects.length === 0) return { covered: [], findings: [open('SIGNED_DATA_NOT_FOUND', 'no document was given')], warnings: [] };
  const search = new Search();
  for (const [position, chain] of chains.entries()) {
    const [first] = chain.timestamps;
    if (first) search.chain(chain, first, placeOf(position, 0), objects);
  }
  return {
    covered: objects.filter((object) => !search.missing.has(object)).map(({ name }) => name),
    ...(search.orders.size === 0 ? {} : { order: search.orders.has('unsorted') ? 'unsorted' : 'sorted' }),
    findings: search.findings,
    warnings: search.warnings,
  };
}

class Search {
  readonly findings: Finding[] = [];
  readonly warnings: string[] = [];
  readonly missing = new Set<EvidenceObject>();
  readonly orders = new Set<RehashOrder>();

  chain(chain: EvidenceChain, first: EvidenceTimeStamp, place: string, objects: readonly EvidenceObject[]): void {
    const list = firstList(first);
    const used = new Set<Buffer>();
    for (const object of objects) this.#object(chain, first, place, object, used);
    const beside = chain.beside();
    if (beside.length > 0) {
      const listed = list.find((hash) => beside.some((one) => one.equals(hash)));
      if (listed) used.add(listed);
      else this.findings.push(broken('HASH_FAILURE', `${place}: the chains before it are not covered`));
    }
    const others = used.size - (beside.length > 0 ? 1 : 0);
    if (others > 0 && used.size < list.length) this.warnings.push(`${place}: contains other objects`);
  }

  #object(chain: EvidenceChain, first: EvidenceTimeStamp, place: string, object: EvidenceObject, used: Set<Buffer>): void {
    const expected = chain.expected(object, first.digest);
    const match = expected && matchIn(firstList(first), expected);
    if (match !== undefined) {
      used.add(match.listed);
      if (match.order) this.orders.add(match.order);
      if (match.canonical === true) this.warnings.push(`${place}: holds the canonical form of ${object.name}, not its bytes as they are`);
      return;
    }
    this.missing.add(object);
    this.findings.push(
      expected === undefined
        ? open('SIGNED_DATA_NOT_FOUND', `${place}: the ${first.digest} of ${object.name} is needed`)
        : broken('HASH_FAILURE', `${place}: ${object.name} is not what was archived`),
    );
  }
}

function matchIn(list: readonly Buffer[], expected: readonly ExpectedHash[]): (ExpectedHash & { readonly listed: Buffer }) | undefined {
  for (const one of expected) {
    const listed = list.find((candidate) => candidate.equals(one.hash));
    if (listed) return { ...one, listed };
  }
  return undefined;
}
