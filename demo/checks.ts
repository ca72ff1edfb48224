import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DemoBatches } from './batches.ts';
import { DemoFailure, type Story } from './story.ts';

const at = (directory: string, batch: string, tree: string): string => join(directory, 'roots', batch.replace('/', `/${tree}/`));

/** What lies in the trees now, as a person would list it. */
export function listing(directory: string, batches: DemoBatches): string[] {
  const places = [
    ...batches.delivered.map((batch) => at(directory, batch, 'outgoing')),
    at(directory, batches.inPart, 'outgoing'),
    at(directory, batches.inPart, 'failed'),
    at(directory, batches.untouched, 'incoming'),
  ];
  return places.flatMap((place) => [`${place.slice(directory.length + 1)}/`, ...files(place).map((file) => `  ${file}`)]);
}

function files(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** What the demo promises of the directories. */
export function checkDelivery(story: Story, batches: DemoBatches): void {
  const { directory } = story;
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new DemoFailure(what);
  };
  for (const batch of [...batches.delivered, batches.inPart]) {
    demand(existsSync(join(at(directory, batch, 'outgoing'), 'READY')), `${batch} has no READY`);
    demand(existsSync(join(at(directory, batch, 'outgoing'), 'batch-report.json')), `${batch} has no report`);
    demand(existsSync(at(directory, batch, 'done')), `the originals of ${batch} are not in done/`);
  }
  demand(
    files(at(directory, batches.delivered[0] ?? '', 'outgoing')).filter((file) => file.endsWith('.pdf')).length === 6,
    'six PDFs were not delivered',
  );
  demand(
    files(at(directory, batches.delivered[1] ?? '', 'outgoing')).filter((file) => file.endsWith('.p7s')).length === 3,
    'three detached signatures were not delivered',
  );
  const failed = files(at(directory, batches.inPart, 'failed'));
  demand(
    ['FAILED', 'broken.pdf', 'error.json'].every((file) => failed.includes(file)),
    `failed/ holds ${failed.join(', ')}`,
  );
  demand(files(at(directory, batches.inPart, 'outgoing')).includes('also-good.pdf'), 'the good documents of the batch were not delivered');
  demand(files(at(directory, batches.untouched, 'incoming')).join() === 'not-approved.pdf', 'the batch without semaphore was touched');
  demand(!existsSync(at(directory, batches.untouched, 'outgoing')), 'the batch without semaphore was delivered');
  story.say('Approved batches came out whole with READY last; the broken PDF lies in failed/ with its reason; the draft is untouched.');
}

/** A copy of the file with one bit turned, in the middle of what is signed. */
export function changeOneByte(file: string, copy: string): string {
  const bytes = readFileSync(file);
  const middle = Math.floor(statSync(file).size / 4);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  return copy;
}
