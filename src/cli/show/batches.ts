import type { BatchDetails } from '../../app/batches.ts';
import type { BatchView, DocumentView } from '../../app/views.ts';
import type { ErrorReport } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

/** Batches in a list whose reason is the same are named together, so many at most. */
const namedTogether = 3;

/** `batch list`: a line each, and below them why some wait or failed, each reason once. */
export function printBatches(terminal: Terminal, batches: readonly BatchView[]): void {
  if (batches.length === 0) {
    terminal.print('no batches');
    return;
  }
  terminal.table(
    batches.map((batch) => [batch.id, batch.root, batch.path, stateOf(terminal, batch), documentsOf(batch)]),
    ['ID', 'ROOT', 'PATH', 'STATE', 'DOCUMENTS'],
    2,
  );
  for (const { reason, ids } of reasonsOf(batches)) {
    const more = ids.length > namedTogether ? ` and ${ids.length - namedTogether} more` : '';
    terminal.printError(reason, `${ids.slice(0, namedTogether).join(', ')}${more}: `, '  ');
  }
}

function reasonsOf(batches: readonly BatchView[]): Iterable<{ readonly reason: ErrorReport; readonly ids: string[] }> {
  const reasons = new Map<string, { readonly reason: ErrorReport; readonly ids: string[] }>();
  for (const { id, waiting, error } of batches) {
    const reason = waiting ?? error;
    if (reason === undefined) continue;
    const { code, message, where, hint } = reason;
    const key = JSON.stringify([code, message, where, hint]);
    const known = reasons.get(key);
    if (known === undefined) reasons.set(key, { reason, ids: [id] });
    else known.ids.push(id);
  }
  return reasons.values();
}

/** `batch show`: where it came from, how far it got, why not further, what to do, and its documents. */
export function printBatch(terminal: Terminal, batch: BatchDetails): void {
  const { id, root, path, profile, keys, partOf, retriedAs, waiting, error, contents } = batch;
  terminal.print(`${terminal.style('bold', `batch ${id}`)}  ${stateOf(terminal, batch)}`);
  const rows: (readonly [string, string | undefined])[] = [
    ['root', `${root}, ${path}`],
    ['profile', `${profile}, ${keys.length === 0 ? 'without signatures' : `signed by ${keys.join(', ')}`}`],
    ['approved', batch.approvedAt],
    ['claimed', batch.claimedAt],
    ['ended', batch.finishedAt],
    ['documents', documentsOf(batch)],
    ['part of', partOf],
    [batch.state === 'delivered' ? 'output' : 'output to be', batch.state === 'failed' ? undefined : batch.outputPath],
    ['collected', batch.collectedAt],
    ['failed documents', batch.failedPath],
    ['taken up as', retriedAs],
    ['waits since', waiting?.since],
  ];
  terminal.table(rows.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, value]])));
  const reason = waiting ?? error;
  if (reason !== undefined) terminal.printError(reason, '  ', '  ');
  const next = nextStep(batch);
  if (next !== undefined) terminal.hint(next, '  ');
  terminal.print();
  for (const document of contents) printDocument(terminal, document);
  if (contents.length < batch.documents) terminal.print(`… ${batch.documents - contents.length} more: see --limit`);
}

/** What the remedy of the reason does not say: the command that goes on. */
function nextStep({ id, waiting, error, failedPath }: BatchDetails): string | undefined {
  if (waiting !== undefined)
    return `it goes on by itself; “sealtree batch retry ${id}” tries at once, “sealtree batch cancel ${id}” gives it up`;
  if (failedPath === undefined) return undefined;
  return `when that is mended: “sealtree batch retry ${id}${error?.code === 'SEAL-BATCH-DUPLICATE' ? ' --again' : ''}”`;
}

function stateOf(terminal: Terminal, { state, waiting, failed, collectedAt }: BatchView): string {
  if (waiting !== undefined) return terminal.style('yellow', `${state}, waits`);
  if (state === 'failed') return terminal.style('red', state);
  if (state !== 'delivered') return state;
  return terminal.style(
    failed > 0 ? 'yellow' : 'green',
    `${state}${failed > 0 ? ' in part' : ''}${collectedAt === undefined ? '' : ', collected'}`,
  );
}

function documentsOf({ documents, failed }: BatchView): string {
  return failed === 0 ? String(documents) : `${documents}, ${failed} failed`;
}

function printDocument(terminal: Terminal, { path, state, key, format = '', level = '', error }: DocumentView): void {
  const mark = state === 'failed' ? terminal.style('red', '✗') : state === 'verified' ? terminal.style('green', '✓') : '·';
  terminal.print(`${mark} ${path}${key === undefined ? '' : `  ${format} ${level} by ${key}`}`);
  if (error !== undefined) terminal.printError(error.where === path ? withoutWhere(error) : error, '    ', '    ');
}

function withoutWhere({ code, message, hint, retryable }: ErrorReport): ErrorReport {
  return { code, message, retryable, ...(hint === undefined ? {} : { hint }) };
}
