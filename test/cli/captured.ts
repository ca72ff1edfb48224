import { PassThrough } from 'node:stream';
import { Terminal, type Stream } from '../../src/cli/terminal.ts';

export interface Captured {
  readonly terminal: Terminal;
  /** What was written so far. */
  readonly out: () => string;
  readonly err: () => string;
}

/** A terminal whose words are kept. @param columns makes it one that people look at; else it is a pipe */
export function captured(options: { readonly json?: boolean; readonly quiet?: boolean } = {}, columns?: number): Captured {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const shown: Stream = columns === undefined ? out : Object.assign(out, { isTTY: true, columns });
  const terminal = new Terminal({ json: options.json ?? false, quiet: options.quiet ?? false, out: shown, err });
  const [written, noted]: [string[], string[]] = [[], []];
  const text = (stream: PassThrough, kept: string[]) => (): string => {
    const chunk: unknown = stream.read();
    if (Buffer.isBuffer(chunk)) kept.push(chunk.toString());
    return kept.join('');
  };
  return { terminal, out: text(out, written), err: text(err, noted) };
}
