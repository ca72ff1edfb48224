import { nodesOfRenewal, Paths } from './paths.ts';
import { chainLeaf, demandRenewalLayout } from './renewal-leaf.ts';
import { SealError } from '../errors.ts';
import { reduceTree } from '../formats/ers-hash.ts';
import { encodeArchiveTimeStamp } from '../formats/ers-write.ts';
import type { XmlArchiveTimeStamp } from '../formats/xmlers-write.ts';
import type { ArchiveToken } from '../model/archive.ts';
import type { ChainStart, Renewal, RenewalToken } from '../model/renewal.ts';
import type { Effects } from '../ports/effects.ts';

/** A timestamp that renews those before it in its chain: the same in every record of the chain. */
export interface ChainLink extends ArchiveToken {
  readonly renewal: string;
  /** Of the renewal. */
  readonly seq: number;
  /** ArchiveTimeStamp. */
  readonly der: Buffer;
  /** The same for an RFC 6283 record; undefined in a renewal of layout 1. */
  readonly xml: XmlArchiveTimeStamp | undefined;
}

/** An anchored renewal. */
export interface AnchoredRenewal {
  readonly renewal: Renewal;
  readonly token: RenewalToken;
  readonly paths: Paths;
}

/** Reads chains of archive timestamps; renewals stay at hand. Lives as long as one piece of work: a later renewal is not seen. */
export class ChainReader {
  readonly #store: Effects['store'];
  readonly #renewals = new Map<string, Promise<AnchoredRenewal | undefined>>();
  readonly #rehashed = new Map<string, Promise<readonly ChainLink[]>>();

  constructor({ store }: Pick<Effects, 'store'>) {
    this.#store = store;
  }

  /** Undefined while the renewal is not anchored. */
  renewal(id: string): Promise<AnchoredRenewal | undefined> {
    const known = this.#renewals.get(id) ?? this.#read(id);
    this.#renewals.set(id, known);
    return known;
  }

  async #read(id: string): Promise<AnchoredRenewal | undefined> {
    const [[renewal], token] = await Promise.all([this.#store.renewals({ id }), this.#store.renewalToken(id)]);
    if (renewal === undefined || token === undefined || renewal.state !== 'anchored') return undefined;
    demandRenewalLayout(renewal.layout);
    return { renewal, token, paths: new Paths(nodesOfRenewal(this.#store, id), renewal.leaves, renewal.digest) };
  }

  /**
   * The timestamps behind the first one of a chain, oldest first.
   * @param first DER, the chain's first token @throws SealError SEAL-ARCHIVE-DAMAGED when one does not cover the chain
   */
  links(start: ChainStart, n: number, first: Buffer): Promise<readonly ChainLink[]> {
    if ('tree' in start) return this.#links(start, n, first);
    const known = this.#rehashed.get(start.renewal) ?? this.#links(start, n, first);
    this.#rehashed.set(start.renewal, known);
    return known;
  }

  async #links(start: ChainStart, n: number, first: Buffer): Promise<readonly ChainLink[]> {
    const tokens = [first];
    const links: ChainLink[] = [];
    for (const { renewal: id, leaf } of await this.#store.renewalsOfChain(start, n)) {
      const found = await this.renewal(id);
      if (found === undefined) continue;
      const { renewal, token, paths } = found;
      const own = chainLeaf(tokens, renewal.digest, renewal.layout);
      const path = (await paths.of(leaf)).map((hash) => [hash]);
      const lists = [...own.der, ...path];
      demandRenewalRoot(renewal, reduceTree(lists, renewal.digest), 'tree' in start ? start.tree : start.renewal);
      const der = encodeArchiveTimeStamp({ digestAlgorithm: renewal.digest, reducedHashtree: lists, timeStamp: token.token });
      const xml = own.xml && { hashTree: [...own.xml, ...path], timeStamp: token.token };
      const { tsa, genTime, accuracy, frozen } = token;
      links.push({ renewal: id, seq: renewal.seq, der, xml, token: token.token, tsa, genTime, accuracy, frozen });
      tokens.push(token.token);
    }
    return links;
  }
}

/** A record that does not lead to the stamped root must not leave the house. */
export function demandRenewalRoot({ id, root }: Renewal, found: Buffer, what: string): void {
  if (root?.equals(found) !== true)
    throw new SealError('SEAL-ARCHIVE-DAMAGED', `renewal ${id} does not hold ${what} as it is kept`, {
      where: id,
      hint: 'run `sealtree archive check`, restore the last backup',
    });
}
