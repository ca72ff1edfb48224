import { makePdf } from '../../support/pdfs.ts';
import { testAuthority } from '../../support/authority.ts';
import { signPdf } from '../attacks/forge-pdf.ts';
import * as cms from './cms.ts';
import * as pdf from './pdf.ts';
import * as records from './records.ts';

export const authority = testAuthority({ name: 'Limits' });
const signer = authority.issue({ subject: 'Signer' });

/** What must come: an error that names the limit, a verdict, or either where the machine's speed decides. */
type Expected = 'limit' | 'verdict' | 'either';

/** Files that ask for more than anybody needs, by what they ask for. */
export const hostile: readonly (readonly [string, Expected, () => Promise<Buffer> | Buffer])[] = [
  ['PDF: cross-reference rows of no width, millions of them, in hundreds of updates', 'verdict', () => pdf.zeroWidthRows(signer)],
  ['PDF: millions of free objects in each of many updates', 'limit', () => pdf.freeRows(signer)],
  ['PDF: a table of 60,000 sections', 'verdict', () => pdf.manyRuns(signer)],
  ['PDF: 4,000 updates', 'verdict', () => pdf.manyRevisions(signer)],
  ['PDF: trailers in a circle', 'verdict', async () => pdf.circle(await signPdf(signer, makePdf()))],
  ['PDF: a million arrays inside each other', 'verdict', () => pdf.nested(signer)],
  ['PDF: 50,000 references one behind the other', 'verdict', () => pdf.referenceChain(signer)],
  ['PDF: object streams that unpack to gigabytes', 'either', () => pdf.bombs(signer)],
  ['PDF: 201 signatures', 'limit', () => pdf.manySignatures(signer, 0, 201)],
  ['PDF: 100 signatures', 'verdict', () => pdf.manySignatures(signer, 0, 100)],
  ['PDF: 9 signatures over a form of 20,000 fields', 'limit', () => pdf.manySignatures(signer, 20_000, 9)],
  ['PDF: 2,000 fields that name each other', 'either', () => pdf.web(signer, 2000)],
  ['CMS: 10,000 signers', 'limit', () => cms.manySigners(signer, 10_000)],
  ['CMS: 256 signers', 'verdict', () => cms.manySigners(signer, 256)],
  ['CMS: 10,000 certificates', 'limit', () => cms.manyCertificates(signer, 10_000)],
  ['CMS: authorities that certify each other', 'verdict', () => cms.mazeOfAuthorities(12, 25)],
  ['CMS: 10,000 timestamps', 'either', () => cms.manyTimestamps(authority, signer, 10_000)],
  ['CMS: 20 million empty elements for certificates', 'limit', () => cms.emptyElements(signer, 20_000_000)],
  ['CMS: 20 million empty values of an attribute', 'limit', () => cms.emptyValues(signer, 20_000_000)],
  ['CMS: an object identifier of 10 MB', 'verdict', () => cms.hugeIdentifier(signer, 10_000_000)],
  ['CMS: a million elements of indefinite length inside each other', 'verdict', () => cms.indefinite(1_000_000, 0)],
  ['CMS: 50 MB in 60 elements of indefinite length', 'verdict', () => cms.indefinite(60, 50_000_000)],
  ['CMS: the content in 10 million pieces', 'limit', () => cms.contentInPieces(signer, 10_000_000)],
  ['CMS: a length of four gigabytes', 'verdict', () => cms.hugeLength()],
  ['CMS: 10,000 countersignatures', 'limit', () => cms.countersignatures(signer, 10_000)],
  ['CMS: a CRL of 2 million entries', 'either', () => cms.withLargeCrl(authority, signer, 2_000_000)],
  ['evidence record: 64 chains of 64 timestamps', 'limit', () => records.manyChains(authority, 64, 64)],
  ['evidence record: 64 chains of 1,000 timestamps', 'verdict', () => records.manyChains(authority, 64, 1000)],
  ['evidence record: 20 million empty lists', 'limit', () => records.manyLists(authority, 20_000_000, records.emptyList)],
  ['evidence record: a million lists of one hash', 'limit', () => records.manyLists(authority, 1_000_000, records.oneHash)],
  ['evidence record: 90,000 lists of one hash', 'verdict', () => records.manyLists(authority, 90_000, records.oneHash)],
];
