import { pino, type DestinationStream, type Logger } from 'pino';
import { loggable } from './log-fields.ts';
import { plainLine } from './log-plain.ts';
import type { Config } from '../model/config.ts';
import type { Effects } from '../ports/effects.ts';
import type { Log, LogLevel } from '../ports/log.ts';

export interface LogOptions extends Pick<Config['log'], 'level' | 'modules'> {
  /** Lines are appended here instead of stderr. */
  readonly file?: string;
  /** Where lines go instead of file and stderr: for tests. */
  readonly write?: (line: string) => void;
  /** Lines for people instead of JSON; default: where stderr is a terminal. */
  readonly plain?: boolean;
}

export interface SystemLog extends Log {
  /** Takes other levels, at once and in all children (SIGHUP). */
  setLevels(levels: Pick<LogOptions, 'level' | 'modules'>): void;
  /** Opens the file again by its name, after a rotation (SIGHUP). */
  reopen(): void;
}

const order: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

interface Shared {
  levels: Pick<LogOptions, 'level' | 'modules'>;
  readonly reopen: () => void;
}

/** One log with its correlation fields; the level of its `module` decides what is written. */
class PinoLog implements SystemLog {
  readonly #pino: Logger;
  readonly #shared: Shared;
  readonly #module: string | undefined;

  constructor(logger: Logger, shared: Shared, module?: string) {
    this.#pino = logger;
    this.#shared = shared;
    this.#module = module;
  }

  trace(fields: object, message: string): void {
    this.#write('trace', fields, message);
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: object): Log {
    const module = 'module' in fields && typeof fields.module === 'string' ? fields.module : this.#module;
    return new PinoLog(this.#pino.child(loggable(fields)), this.#shared, module);
  }

  setLevels(levels: Pick<LogOptions, 'level' | 'modules'>): void {
    this.#shared.levels = levels;
  }

  reopen(): void {
    this.#shared.reopen();
  }

  #write(level: LogLevel, fields: object, message: string): void {
    const { level: usual, modules } = this.#shared.levels;
    const wanted = (this.#module === undefined ? undefined : modules[this.#module]) ?? usual;
    if (order.indexOf(level) < order.indexOf(wanted)) return;
    this.#pino[level](loggable(fields), loggable({ message })['message'] as string);
  }
}

/**
 * The log of the process: one line an entry, JSON to a file or pipe, plain to a terminal; level per `module` of `child({module})`.
 * Written before the call returns, so that a killed process has said why.
 */
export function createLog(fx: Pick<Effects, 'clock'>, options: LogOptions): SystemLog {
  const plain = options.plain ?? (options.file === undefined && options.write === undefined && process.stderr.isTTY);
  const target = destination(options);
  const write = plain
    ? (line: string): void => {
        target.stream.write(plainLine(line));
      }
    : (line: string): void => {
        target.stream.write(line);
      };
  const logger = pino(
    {
      level: 'trace',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(fx.clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return new PinoLog(logger, { levels: { level: options.level, modules: options.modules }, reopen: target.reopen });
}

function destination({ file, write }: LogOptions): { readonly stream: DestinationStream; readonly reopen: () => void } {
  if (write !== undefined) return { stream: { write }, reopen: () => undefined };
  if (file === undefined) return { stream: pino.destination({ dest: 2, sync: true }), reopen: () => undefined };
  const stream = pino.destination({ dest: file, sync: true, mkdir: true, append: true, mode: 0o640 });
  // A full disk must not end the daemon because of its log.
  stream.on('error', (error: Error) => {
    process.stderr.write(`sealtree: the log file cannot be written: ${error.message}\n`);
  });
  return {
    stream,
    reopen: () => {
      stream.reopen();
    },
  };
}
