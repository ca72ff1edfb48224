import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { counted, top, type Story } from './story.ts';

export interface DemoBatches {
  /** `root/path` of batches that must be delivered whole. */
  readonly delivered: readonly string[];
  /** Delivered but for its broken document. */
  readonly inPart: string;
  /** Without a semaphore: must stay untouched. */
  readonly untouched: string;
  /** Where this run's evidence records go. */
  readonly proof: string;
  readonly example: { readonly document: string; readonly evidence: string; readonly page: string };
}

const documents = join(top, 'fixtures/documents');

/** Folder of the batch → document. Paths in a batch are kept, so nested folders come out as they went in. */
const contents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'pdf/letters': {
    'libreoffice.pdf': 'libreoffice.pdf',
    'chromium.pdf': 'chromium.pdf',
    'hospital/ward 3/discharge letter.pdf': 'pdftex.pdf',
    'public/notice.pdf': 'ghostscript.pdf',
    'public/notice (object streams).pdf': 'object-streams.pdf',
    'invoices/factur-x.pdf': 'factur-x.pdf',
  },
  'files/mixed': { 'scan/0001.tif': 'scan.tif', 'mail/claim.eml': 'mail.eml', 'invoices/Rechnung für Müller.xml': 'invoice.xml' },
  'pdf/with-a-broken-one': { 'good.pdf': 'libreoffice.pdf', 'broken.pdf': 'broken.pdf', 'also-good.pdf': 'ghostscript.pdf' },
  'pdf/draft': { 'not-approved.pdf': 'chromium.pdf' },
};

/** Puts the batches into the roots; a further run in the same place takes other names. */
export function placeBatches(story: Story): DemoBatches {
  const run = nextRun(story.directory);
  const named = (batch: string): string => (run === 1 ? batch : `${batch}-${run}`);
  const proof = run === 1 ? join(story.directory, 'proof') : join(story.directory, 'proof', `run-${run}`);
  for (const [batch, files] of Object.entries(contents)) {
    const directory = join(story.directory, 'roots', named(batch).replace('/', '/incoming/'));
    for (const [path, source] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      copyFileSync(join(documents, source), join(directory, path));
    }
    if (batch !== 'pdf/draft') writeFileSync(join(directory, 'APPROVED'), '');
    story.say(
      `roots/${named(batch).replace('/', '/incoming/')}: ${counted(Object.keys(files).length, 'document')}${batch === 'pdf/draft' ? ', not approved' : ''}`,
    );
  }
  const letters = named('pdf/letters');
  return {
    proof,
    delivered: [letters, named('files/mixed')],
    inPart: named('pdf/with-a-broken-one'),
    untouched: named('pdf/draft'),
    example: {
      document: join(story.directory, 'roots', letters.replace('/', '/outgoing/'), 'libreoffice.pdf'),
      evidence: join(proof, 'libreoffice.pdf.ers'),
      page: join(story.directory, 'report.html'),
    },
  };
}

function nextRun(directory: string): number {
  const taken = (name: string): boolean =>
    ['incoming', 'done', 'outgoing', 'failed'].some((tree) => existsSync(join(directory, 'roots/pdf', tree, name)));
  let run = 1;
  while (taken(run === 1 ? 'letters' : `letters-${run}`) || taken(run === 1 ? 'draft' : `draft-${run}`)) run++;
  return run;
}
