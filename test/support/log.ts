import type { Log, LogLevel } from '../../src/ports/log.ts';

export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that a test can read. */
export class CollectingLog implements Log {
  readonly lines: LoggedLine[];
  readonly #fields: object;

  constructor(fields: object = {}, lines: LoggedLine[] = []) {
    this.#fields = fields;
    this.lines = lines;
  }

  trace(fields: object, message: string): void {
    this.#add('trace', fields, message);
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }

  child(fields: object): Log {
    return new CollectingLog({ ...this.#fields, ...fields }, this.lines);
  }

  /** Messages of one level. */
  messages(level: LogLevel): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #add(level: LogLevel, fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
