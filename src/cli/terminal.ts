import { stripVTControlCharacters, styleText } from 'node:util';
import type { SealError } from '../errors.ts';
import { remedies } from './remedies.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command's words go: results on stdout, messages on stderr; colours on a terminal only. */
export class Terminal {
  readonly json: boolean;
  readonly quiet: boolean;

  constructor(options: { readonly json: boolean; readonly quiet: boolean }) {
    this.json = options.json;
    this.quiet = options.quiet;
  }

  get interactive(): boolean {
    return process.stderr.isTTY && !this.quiet && !this.json;
  }

  /** A line of the result for people; nothing with --json. */
  print(line = ''): void {
    if (!this.json) process.stdout.write(`${line}\n`);
  }

  /** The result for programs; nothing without --json. */
  result(value: unknown): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value, plain, 2)}\n`);
  }

  /** A message beside the result. */
  note(line: string): void {
    if (!this.quiet) process.stderr.write(`${line}\n`);
  }

  style(style: Style | readonly Style[], text: string): string {
    return styleText([...(typeof style === 'string' ? [style] : style)], text, { stream: process.stdout });
  }

  /** What, where, why and what to do. */
  error(error: SealError): void {
    const style = (styles: Style | Style[], text: string): string => styleText(styles, text, { stream: process.stderr });
    const lines = error.message.split('\n');
    process.stderr.write(`${style(['bold', 'red'], 'error')} ${style('bold', error.code)}: ${lines.join('\n  ')}\n`);
    if (error.where !== undefined && !error.message.includes(error.where)) process.stderr.write(`  where: ${error.where}\n`);
    process.stderr.write(`  ${style('cyan', 'hint')}: ${error.hint ?? remedies[error.code]}\n`);
  }

  /** Columns as wide as their widest cell; the last one is left ragged. */
  table(rows: readonly (readonly string[])[], head?: readonly string[]): void {
    const all = head === undefined ? rows : [head.map((cell) => this.style('dim', cell)), ...rows];
    const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => visible(row[column] ?? ''))));
    for (const row of all)
      this.print(
        row.map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - visible(cell)))).join('  '),
      );
  }
}

function visible(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/** Buffers as hexadecimal, maps as objects. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value &&
    Array.isArray(value.data)
  )
    return Buffer.from(value.data as number[]).toString('hex');
  return value;
}
