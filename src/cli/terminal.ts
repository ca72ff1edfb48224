import { stripVTControlCharacters, styleText } from 'node:util';
import type { Writable } from 'node:stream';
import type { ErrorReport, SealError } from '../errors.ts';
import { remedies } from './remedies.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** What `styleText` and the width of tables need of a stream; a terminal has more. */
export type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface TerminalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly out?: Stream;
  readonly err?: Stream;
}

/** Where a command's words go: results on stdout, messages on stderr; colours on a terminal only. */
export class Terminal {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #out: Stream;
  readonly #err: Stream;

  constructor({ json, quiet, out = process.stdout, err = process.stderr }: TerminalOptions) {
    this.json = json;
    this.quiet = quiet;
    this.#out = out;
    this.#err = err;
  }

  get interactive(): boolean {
    return this.#err.isTTY === true && !this.quiet && !this.json;
  }

  /** Columns of the terminal that shows the result; undefined: a file or a pipe. */
  get width(): number | undefined {
    return this.#out.isTTY === true ? this.#out.columns : undefined;
  }

  /** Nobody reads the result any more: the other end of the pipe is closed. */
  get deaf(): boolean {
    return !this.#out.writable;
  }

  /** A line of the result for people; nothing with --json. */
  print(line = ''): void {
    if (!this.json) this.write(`${line}\n`);
  }

  /** Bytes of the result, as they are. */
  write(text: string): void {
    if (!this.deaf) this.#out.write(text);
  }

  /** The result for programs; nothing without --json. */
  result(value: unknown): void {
    if (this.json) this.write(`${JSON.stringify(value, plain, 2)}\n`);
  }

  /** A message beside the result. */
  note(line: string): void {
    if (!this.quiet) this.#err.write(`${harmless(line)}\n`);
  }

  style(style: Style | readonly Style[], text: string): string {
    return styleText([...(typeof style === 'string' ? [style] : style)], text, { stream: this.#out });
  }

  /** What, where, why and what to do. */
  error(error: SealError): void {
    const style = (styles: Style[], text: string): string => styleText(styles, text, { stream: this.#err });
    const lines = error.message.split('\n').map(harmless);
    this.#err.write(`${style(['bold', 'red'], 'error')} ${style(['bold'], error.code)}: ${lines.join('\n  ')}\n`);
    const where = whereOf(error);
    if (where !== undefined) this.#err.write(`  where: ${harmless(where)}\n`);
    this.#err.write(`  ${style(['cyan'], 'hint')}: ${harmless(error.hint ?? remedies[error.code])}\n`);
  }

  /** Where a defect of our own comes from. */
  stack({ cause, stack }: SealError): void {
    const text = (cause instanceof Error ? cause.stack : undefined) ?? stack ?? '';
    this.#err.write(`${text.split('\n').map(harmless).join('\n')}\n`);
  }

  /** An error as a part of the result: one line behind `before`, and below it, indented, what to do. */
  printError(report: ErrorReport, before: string, indent = '    '): void {
    const where = whereOf(report);
    this.print(`${before}${report.code} ${harmless(report.message)}${where === undefined ? '' : ` (${harmless(where)})`}`);
    this.hint(report.hint ?? remedies[report.code], indent);
  }

  hint(text: string, indent = '    '): void {
    this.print(`${indent}${this.style('cyan', 'hint')}: ${harmless(text)}`);
  }

  /** Columns as wide as their widest cell; the last one is left ragged. On a terminal the column `shrink` gives way where a row is too wide. */
  table(rows: readonly (readonly string[])[], head?: readonly string[], shrink?: number): void {
    const all = head === undefined ? rows : [head.map((cell) => this.style('dim', cell)), ...rows];
    const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => visible(row[column] ?? ''))));
    const total = widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1));
    if (shrink !== undefined && this.width !== undefined && total > this.width)
      widths[shrink] = Math.max(8, (widths[shrink] ?? 0) - (total - this.width));
    for (const row of all)
      this.print(
        row
          .map((cell, column) => {
            const width = widths[column] ?? 0;
            const shown = column === shrink ? shortened(cell, width) : cell;
            return column === row.length - 1 ? shown : shown + ' '.repeat(Math.max(0, width - visible(shown)));
          })
          .join('  '),
      );
  }
}

/** `where` unless the message says it already. */
function whereOf({ where, message }: { readonly where?: string | undefined; readonly message: string }): string | undefined {
  return where === undefined || where === '' || message.includes(where) ? undefined : where;
}

/** No text of others redraws the terminal: control characters become visible. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (mark) =>
    mark === '\n' ? '\\n' : `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function visible(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

/** `1 timestamp`, `2 timestamps` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The end of a path tells more than its beginning. */
function shortened(text: string, width: number): string {
  const marks = Array.from(text);
  return marks.length <= width || text.includes('\u001b') ? text : `…${marks.slice(marks.length - width + 1).join('')}`;
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
