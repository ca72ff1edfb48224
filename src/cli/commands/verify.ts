import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { verifyLocally } from '../../compose/verify.ts';
import { SealError } from '../../errors.ts';
import type { DigestAlgorithm } from '../../model/algorithms.ts';
import type { FileReport, Indication } from '../../model/verification.ts';
import { action, type GlobalOptions, type SetExit } from '../command.ts';
import { exitOfVerdicts } from '../exit.ts';
import { progressBar } from '../progress.ts';
import type { Style, Terminal } from '../terminal.ts';

interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly value: Buffer;
}

interface VerifyCommandOptions extends GlobalOptions {
  readonly document?: string[];
  readonly evidence?: string[];
  readonly digest?: Digest[];
  readonly trust?: string[];
  readonly crl?: string[];
  readonly ocsp?: string[];
  readonly at?: number;
  readonly structure?: boolean;
  readonly report?: 'html' | 'text' | 'json';
  readonly out?: string;
}

const lengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** `SHA256:HEX` */
function parseDigest(text: string, before: readonly Digest[] = []): Digest[] {
  const [name = '', hex = ''] = text.split(':');
  const algorithm = (['sha256', 'sha384', 'sha512'] as const).find((one) => one === name.toLowerCase().replace('-', ''));
  if (algorithm === undefined || hex.length !== lengths[algorithm] || !/^[0-9a-f]*$/i.test(hex))
    throw new InvalidArgumentError('a digest is SHA256:HEX, SHA384:HEX or SHA512:HEX.');
  return [...before, { algorithm, value: Buffer.from(hex, 'hex') }];
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('a time is ISO 8601, such as 2026-11-22T12:00:00Z.');
  return time;
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, resolve(text)];
}

/** `verify FILE...` */
export function verifyCommand(program: Command, setExit: SetExit): void {
  const command = program
    .command('verify [files...]')
    .description('signatures, certificates, timestamps, evidence records; of a directory all files in it')
    .option('--document <file>', 'the document of a detached signature (default: the name without .p7s)', collect)
    .option('--evidence <file>', 'evidence record about the file; repeatable', collect)
    .option('--digest <alg:hex>', 'instead of a file: a hash that the evidence record covers; repeatable', parseDigest)
    .option('--trust <pem>', 'these trust anchors and nothing of the configuration; repeatable', collect)
    .option('--crl <file>', 'CRL, DER or PEM; repeatable', collect)
    .option('--ocsp <file>', 'OCSP response; repeatable', collect)
    .option('--at <time>', 'validation time (default: now)', parseTime)
    .option('--structure', 'hashes, order and signature values only; says nothing about who made it')
    .addOption(new Option('--report <form>', 'instead of the summary').choices(['html', 'text', 'json']))
    .option('--out <file>', 'where the report goes (default: stdout)');
  action<VerifyCommandOptions>(command, setExit, async (session, files, options) => {
    const { document = [], evidence = [], digest = [], trust = [], crl = [], ocsp = [] } = options;
    if (files.length === 0 && digest.length === 0)
      throw new SealError('SEAL-USAGE', 'nothing to verify', { hint: 'name a file, or a digest with --digest SHA256:HEX --evidence ER' });
    const { terminal } = session;
    const bar = progressBar(terminal);
    const { at, structure, report, out } = options;
    const { reports, rendered, unreadable } = await verifyLocally(
      trust.length > 0 ? undefined : session.configIfAny(),
      {
        files,
        documents: document,
        evidence,
        digests: digest,
        trust,
        crls: crl,
        ocsps: ocsp,
        structure: structure === true,
        report: report ?? 'text',
        ...(at === undefined ? {} : { at }),
        ...(out === undefined ? {} : { out: resolve(out) }),
      },
      { progress: bar.update, signal: session.signal },
    ).finally(() => {
      bar.end();
    });
    terminal.result(reports);
    if (out === undefined) printRendered(terminal, rendered, report);
    else {
      terminal.note(`report: ${resolve(out)}`);
      for (const one of reports) printVerdict(terminal, one);
    }
    if (reports.length > 1 && (report === undefined || out !== undefined)) terminal.print(summary(reports));
    return exitOfVerdicts(
      reports.map((one) => one.indication),
      unreadable,
    );
  });
}

const marks: Readonly<Record<Indication, readonly [Style, string]>> = {
  'TOTAL-PASSED': ['green', '✓'],
  'TOTAL-FAILED': ['red', '✗'],
  INDETERMINATE: ['yellow', '?'],
};
const indications: readonly Indication[] = ['TOTAL-PASSED', 'TOTAL-FAILED', 'INDETERMINATE'];

function printVerdict(terminal: Terminal, { file, indication, subIndication }: FileReport): void {
  const [color, mark] = marks[indication];
  terminal.print(`${terminal.style(color, mark)} ${file}  ${indication}${subIndication === undefined ? '' : ` ${subIndication}`}`);
}

/** The text as it is; for people its headings stand out. */
function printRendered(terminal: Terminal, rendered: string, report: string | undefined): void {
  for (const line of rendered.replace(/\n$/, '').split('\n')) {
    const found = report === undefined && !line.startsWith(' ') ? indications.find((one) => line.includes(`: ${one}`)) : undefined;
    terminal.print(found === undefined ? line : terminal.style(['bold', marks[found][0]], line));
  }
}

function summary(reports: readonly FileReport[]): string {
  const counts = indications.map((one) => [reports.filter(({ indication }) => indication === one).length, one] as const);
  return `${reports.length} files: ${counts
    .filter(([count]) => count > 0)
    .map(([count, one]) => `${count} ${one}`)
    .join(', ')}`;
}
