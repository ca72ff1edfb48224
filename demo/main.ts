import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { placeBatches } from './batches.ts';
import { showCards } from './at-once.ts';
import { addCards, softHsmModule } from './cards.ts';
import { checkDelivery, changeOneByte, listing } from './checks.ts';
import { DemoFailure, DemoNeeds, quoted, Story, top } from './story.ts';

const usage =
  'usage: bin/demo [DIR] [--cards]\n  DIR      where everything is put (default: a new folder); a further run continues there\n  --cards  sign with two SoftHSM tokens in parallel instead of a software certificate';

/** The main job from the first command to the evidence record, told to a newcomer. Everything is done through the command line. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { cards: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true || positionals.length > 1) {
    process.stdout.write(`${usage}\n`);
    process.exit(values.help === true ? 0 : 64);
  }
  const module = values.cards === true ? softHsmModule() : undefined;
  const directory = resolve(positionals[0] ?? mkdtempSync(join(tmpdir(), 'sealtree-demo-')));
  const story = new Story(directory);
  story.title('Sealtree signs documents in bulk and keeps the proof for decades.');
  story.say(`Everything of this demo is in ${directory}`);
  story.say(`The commands are typed there; “sealtree” is ${join(top, 'bin/sealtree')}`);

  story.step('An evaluation setup: own certificates, own timestamp authority, two roots.');
  story.run(['init'], { leaveOut: /^For evaluation only|^ {2}/ });
  const slow = module === undefined ? undefined : await addCards(story, module);
  story.run(['check']);

  story.step('Four batches of real documents are placed. Three are approved by a file named APPROVED; the fourth is not.');
  const batches = placeBatches(story);
  story.run(['status']);

  story.step('The daemon claims, signs, verifies, archives and delivers (here once; “sealtree run” stays).');
  story.say('A batch is taken when nothing in it changed for five seconds.');
  story.run(['run', '--once'], { exits: [3], because: 'done in part, since one batch holds a broken PDF' });
  story.show(listing(directory, batches));
  checkDelivery(story, batches);
  if (slow !== undefined) showCards(story, [...batches.delivered, batches.inPart], slow);

  story.step('The day is closed: one timestamp over the hash tree of all documents and signatures.');
  story.run(['archive', 'close']);
  story.run(['archive', 'check']);

  story.step('An evidence record for each document: the proof in three kilobytes, in the standard’s form (RFC 4998).');
  for (const batch of [...batches.delivered, batches.inPart])
    story.run(['archive', 'export', '--batch', story.batchId(batch), '--out', batches.proof]);

  story.step('Anybody can verify: signature, certificates, timestamp, evidence.');
  const { document, evidence, page } = batches.example;
  story.run(['verify', document, '--evidence', evidence, '--report', 'html', '--out', page]);

  story.step('One byte changed: the signature and the evidence record both refuse the document.');
  const changed = changeOneByte(document, join(directory, 'changed.pdf'));
  story.run(['verify', changed, '--evidence', evidence], {
    exits: [1],
    because: 'TOTAL-FAILED (its lines about certificates are left out here)',
    leaveOut: /^ *(certificate|anchor|revocation of|serial number|algorithm)\b/,
  });

  story.title('All of it held. Now you:');
  story.show(nextSteps(directory, document, evidence, page));
}

/** Three things to do next; the commands can be copied as they are and run from anywhere. */
function nextSteps(directory: string, document: string, evidence: string, page: string): string[] {
  const program = quoted(join(top, 'bin/sealtree'));
  const config = `--config ${quoted(join(directory, 'roots.yaml'))}`;
  const mine = quoted(join(directory, 'mine.pdf'));
  return [
    `Open this page:           ${page}`,
    'Change one byte and run:  ',
    `  cp ${quoted(document)} ${mine}`,
    `  printf X | dd of=${mine} bs=1 seek=1000 conv=notrunc status=none`,
    `  ${program} verify ${mine} --evidence ${quoted(evidence)} ${config}`,
    'Start the daemon, put files into a new directory below roots/files/incoming and, last, an empty file APPROVED:',
    `  ${program} run ${config}`,
  ].map((line) => line.trimEnd());
}

try {
  await main();
} catch (error) {
  if (error instanceof DemoNeeds) {
    process.stderr.write(`bin/demo: ${error.message}\n`);
    process.exit(69);
  }
  if (!(error instanceof DemoFailure)) throw error;
  process.stderr.write(`\nThe demo did not hold: ${error.message}\n`);
  process.exit(1);
}
