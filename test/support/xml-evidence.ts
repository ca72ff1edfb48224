import { digestOf } from '../../src/formats/digests.ts';
import { reduceTree } from '../../src/formats/ers-hash.ts';
import { canonicalizationByUri, digestUris } from '../../src/formats/xml-algorithms.ts';
import { withXml, type XmlPart } from '../../src/formats/xml.ts';
import { frozenToken } from './evidence.ts';
import type { DigestAlgorithm } from '../../src/model/algorithms.ts';
import type { TestAuthority } from './authority.ts';

/** How another program may write the same record. */
export interface XmlStyle {
  /** `ers:`, or nothing. */
  readonly prefix?: string;
  /** Line breaks and indentation between elements. */
  readonly blanks?: boolean;
  readonly comments?: boolean;
  readonly method?: string;
  /** Whether revocation data of the tokens stands beside them. */
  readonly crls?: readonly Buffer[];
}

interface Stamped {
  readonly lists: readonly (readonly Buffer[])[];
  readonly token: Buffer;
}

const day = 86_400_000;
const c14n = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315';

/**
 * Makes RFC 6283 records step by step as another archive would: what a renewal covers is the canonical form of the document as it is then.
 * Shares no line with what we write records with.
 */
export class XmlRecord {
  readonly #authority: TestAuthority;
  readonly #members: readonly Buffer[];
  readonly #style: XmlStyle;
  readonly #chains: { readonly digest: DigestAlgorithm; readonly timestamps: Stamped[] }[] = [];
  #time: number;

  constructor(authority: TestAuthority, start: number, members: readonly Buffer[], style: XmlStyle = {}) {
    this.#authority = authority;
    this.#members = members;
    this.#style = style;
    this.#time = start - 10 * day;
  }

  /** The first timestamp of a chain: of the record, or a hash-tree renewal. */
  async begin(digest: DigestAlgorithm): Promise<this> {
    const earlier = this.#chains.length === 0 ? [] : [this.#canonical(digest, 'ArchiveTimeStampSequence')];
    this.#chains.push({ digest, timestamps: [] });
    await this.#stamp([...this.#members.map((member) => digestOf(digest, member)), ...earlier]);
    return this;
  }

  async renew(): Promise<this> {
    const digest = this.#chains.at(-1)?.digest ?? 'sha256';
    await this.#stamp([this.#canonical(digest, 'TimeStamp')]);
    return this;
  }

  async #stamp(group: readonly Buffer[]): Promise<void> {
    const chain = this.#chains.at(-1);
    if (chain === undefined) throw new Error('no chain');
    const { digest } = chain;
    const lists = [group, [digestOf(digest, Buffer.from('neighbour')), digestOf(digest, Buffer.from('another'))]];
    this.#time += 10 * day;
    chain.timestamps.push({
      lists,
      token: await frozenToken({ authority: this.#authority, time: this.#time, digest }, reduceTree(lists, digest)),
    });
  }

  /** Hash of the last element of that name. */
  #canonical(digest: DigestAlgorithm, name: string): Buffer {
    const how = canonicalizationByUri(this.#style.method ?? c14n);
    if (how === undefined) throw new Error('no canonicalization');
    return withXml(this.bytes, (root) => {
      const found: XmlPart[] = [];
      const walk = (part: XmlPart): void => {
        if (part.name === name) found.push(part);
        part.elements().forEach(walk);
      };
      walk(root);
      return digestOf(digest, found.at(-1)?.canonical(how) ?? Buffer.alloc(0));
    });
  }

  get bytes(): Buffer {
    const { prefix = '', blanks = false, comments = false, method = c14n, crls = [] } = this.#style;
    const element = (name: string, attributes: string, depth: number, ...content: string[]): string => {
      const line = blanks ? `\n${'  '.repeat(depth)}` : '';
      const text = content.length === 1 && !content[0]?.includes('<');
      return `${line}<${prefix}${name}${attributes}>${content.join('')}${text || content.length === 0 ? '' : line}</${prefix}${name}>`;
    };
    const numbered = (at: number): string => ` Order='${at + 1}'`;
    const remark = comments ? '<!-- made by hand -->' : '';
    const timestamp = ({ lists, token }: Stamped, at: number): string => {
      const sequences = lists.map((list, n) =>
        element(
          'Sequence',
          numbered(n),
          6,
          ...list.toSorted((a, b) => a.compare(b)).map((hash) => element('DigestValue', '', 7, hash.toString('base64'))),
        ),
      );
      const crlParts = crls.map((crl, n) => element('CryptographicInformation', `${numbered(n)} Type="CRL"`, 7, crl.toString('base64')));
      return element(
        'ArchiveTimeStamp',
        numbered(at),
        4,
        element('HashTree', '', 5, ...sequences),
        element(
          'TimeStamp',
          '',
          5,
          remark,
          element('TimeStampToken', ' Type="RFC3161"', 6, token.toString('base64')),
          ...(crls.length === 0 ? [] : [element('CryptographicInformationList', '', 6, ...crlParts)]),
        ),
      );
    };
    const chain = (
      { digest, timestamps }: { readonly digest: DigestAlgorithm; readonly timestamps: readonly Stamped[] },
      at: number,
    ): string =>
      element(
        'ArchiveTimeStampChain',
        numbered(at),
        2,
        element('DigestMethod', ` Algorithm="${digestUris[digest]}"`, 3),
        element('CanonicalizationMethod', ` Algorithm="${method}"`, 3),
        ...timestamps.map(timestamp),
      );
    const name = prefix === '' ? 'xmlns' : `xmlns:${prefix.slice(0, -1)}`;
    const sequence = element('ArchiveTimeStampSequence', '', 1, remark, ...this.#chains.map(chain));
    return Buffer.from(
      `<?xml version="1.0"?>\n${remark}${element('EvidenceRecord', ` ${name}="urn:ietf:params:xml:ns:ers" Version="1.0"`, 0, sequence).trim()}\n`,
    );
  }
}

/** Every kind of record: single, group, renewed once and twice, re-hashed, both; and such as other programs write them. */
export async function xmlSamples(
  authority: TestAuthority,
  start: number,
): Promise<readonly { readonly name: string; readonly members: readonly Buffer[]; readonly record: Buffer }[]> {
  const single = [Buffer.from('a single document')];
  const group = [Buffer.from('document of the group'), Buffer.from('signature of the group')];
  const make = async (name: string, members: readonly Buffer[], steps: string, style: XmlStyle = {}) => {
    const record = new XmlRecord(authority, start, members, style);
    for (const step of steps.split(' ')) await (step === 'renew' ? record.renew() : record.begin(step as DigestAlgorithm));
    return { name, members, record: record.bytes };
  };
  return [
    await make('single', single, 'sha256'),
    await make('group', group, 'sha384'),
    await make('renewed', single, 'sha256 renew'),
    await make('renewed twice', group, 'sha256 renew renew'),
    await make('rehashed', single, 'sha256 sha512'),
    await make('everything', group, 'sha256 renew sha384 renew renew sha512 renew'),
    await make('with a prefix', group, 'sha256 renew sha512', { prefix: 'er:' }),
    await make('with blanks', single, 'sha256 renew', { blanks: true }),
    await make('with blanks, re-hashed', single, 'sha256 renew sha512', { blanks: true }),
    await make('exclusive, with comments', single, 'sha256 renew sha512', {
      prefix: 'x:',
      comments: true,
      method: 'http://www.w3.org/2001/10/xml-exc-c14n#WithComments',
    }),
    await make('canonical XML 1.1, comments that do not count', group, 'sha256 renew sha512', {
      comments: true,
      method: 'http://www.w3.org/2006/12/xml-c14n11',
    }),
    await make('with revocation data beside the tokens', single, 'sha256 renew', { crls: authority.crls() }),
  ];
}
