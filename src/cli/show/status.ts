import type { KeyView } from '../../app/keys.ts';
import type { RootStatus, StatusReport } from '../../app/status-report.ts';
import { readableSize } from '../../app/views.ts';
import type { Terminal } from '../terminal.ts';

/** Batches that are named one by one. */
const named = 3;
const months: Readonly<Record<StatusReport['tsas'][number]['per'], string>> = { day: 'today', month: 'this month', year: 'this year' };

/** `status` for people: what is there, a line each; then what stands still and why; then what a person should do. */
export function printStatus(terminal: Terminal, status: StatusReport): void {
  const { daemon } = status;
  const life = daemon === undefined ? terminal.style('yellow', 'no daemon runs') : `daemon ${daemon.pid} since ${daemon.since}`;
  const evaluation = status.evaluation ? terminal.style('yellow', '  EVALUATION') : '';
  terminal.print(`${terminal.style('bold', `Sealtree ${status.version}`)}${evaluation}  ${life}`);
  terminal.print();
  for (const root of status.roots) printRoot(terminal, root);
  terminal.table(status.keys.map((key) => ['key', key.name, stateOf(terminal, key), describeKey(key)]));
  terminal.table(status.tsas.map((tsa) => ['tsa', tsa.name, describeTsa(terminal, status, tsa)]));
  printTrees(terminal, status.archive);
  for (const { path, freeBytes, totalBytes, fullInDays } of status.disks) {
    const full = fullInDays === undefined ? '' : `, full in ${fullInDays} days`;
    terminal.print(`disk ${path}  ${readableSize(freeBytes)} of ${readableSize(totalBytes)} free${full}`);
  }
  printBlocked(terminal, status);
  printFailed(terminal, status);
  printAttention(terminal, status);
}

function printRoot(terminal: Terminal, root: RootStatus): void {
  const paused = root.paused === undefined ? '' : terminal.style('yellow', `  paused: ${root.paused}`);
  terminal.print(`root ${terminal.style('bold', root.name)}  ${root.path}  ${root.running} running, ${root.waiting} waiting${paused}`);
  for (const line of root.settling) terminal.print(`     … ${line}`);
  for (const line of root.nearMisses) terminal.print(`     ${terminal.style('yellow', '?')} ${line}`);
}

function stateOf(terminal: Terminal, { state }: KeyView): string {
  return terminal.style(state === 'ready' ? 'green' : 'yellow', state);
}

function describeKey({ state, reason, signaturesToday, signaturesLeft, activation, certificate, forecast }: KeyView): string {
  if (state !== 'ready') return reason ?? '';
  return [
    `${signaturesToday} signatures today`,
    ...(signaturesLeft === undefined ? [] : [`${signaturesLeft} left`]),
    ...(forecast?.usedUpAt === undefined ? [] : [`used up about ${forecast.usedUpAt}`]),
    ...(activation?.until === undefined ? [] : [`PIN until ${activation.until}`]),
    ...(certificate === undefined ? [] : [`certificate ends in ${certificate.daysLeft} days`]),
  ].join(', ');
}

function describeTsa(terminal: Terminal, { probe = [] }: StatusReport, { name, used, quota, per }: StatusReport['tsas'][number]): string {
  const count = `${used} timestamps${quota === undefined ? '' : ` of ${quota}`} ${months[per]}`;
  const answer = probe.find((one) => one.name === name);
  if (answer === undefined) return count;
  return `${count}, ${answer.ok ? terminal.style('green', `answers in ${answer.ms} ms`) : terminal.style('red', 'does not answer')}`;
}

function printTrees(terminal: Terminal, { open, sealed, lastAnchored, nextClosing, checked }: StatusReport['archive']): void {
  if (open !== undefined) terminal.print(`tree ${open.id}  open, ${open.leaves} leaves`);
  for (const tree of sealed) terminal.print(`tree ${tree.id}  ${terminal.style('yellow', 'sealed, not anchored')}  since ${tree.since}`);
  if (lastAnchored !== undefined) terminal.print(`tree ${lastAnchored.id}  anchored ${lastAnchored.at}`);
  terminal.print(`next closing ${nextClosing}`);
  if (checked !== undefined) terminal.print(`archive checked ${checked.at}: ${checked.sound ? 'sound' : terminal.style('red', 'damaged')}`);
}

/** Each reason once, with what to do, and whom it holds up. */
function printBlocked(terminal: Terminal, { blocked }: StatusReport): void {
  for (const { code, message, hint, since, batches } of blocked) {
    const [count, more] = [batches.length, batches.length - named];
    terminal.print();
    terminal.print(
      `${terminal.style('yellow', count === 1 ? '1 batch waits' : `${count} batches wait`)} since ${since}: ${code} ${message}`,
    );
    if (hint !== undefined) terminal.hint(hint);
    terminal.print(
      `    ${batches.slice(0, named).join(', ')}${more > 0 ? ` and ${more} more: “sealtree batch list --state waiting”` : ''}`,
    );
  }
}

function printFailed(terminal: Terminal, { failed }: StatusReport): void {
  if (failed.length === 0) return;
  terminal.print();
  for (const { batch, root, path, documents, failed: count, code, message, hint } of failed.slice(0, named)) {
    terminal.print(`${terminal.style('red', 'failed')} ${batch}  ${root}  ${path}  ${count} of ${documents} documents`);
    if (message !== undefined) terminal.print(`    ${code ?? ''} ${message}`);
    if (hint !== undefined) terminal.hint(hint);
  }
  if (failed.length > named) terminal.print(`… ${failed.length - named} more: “sealtree batch list --state failed”`);
}

/** What stands above already is not said twice. */
function printAttention(terminal: Terminal, { attention, roots }: StatusReport): void {
  const said = new Set(roots.flatMap(({ nearMisses }) => nearMisses));
  const lines = attention.filter((line) => !said.has(line));
  if (lines.length > 0) terminal.print();
  for (const line of lines) terminal.print(`${terminal.style('yellow', '!')} ${line}`);
}
