import { guarded } from './kit/thrown.ts';

/** A structured logger: each entry has a message and fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/**
 * Any logger with the four usual methods. They take (message, fields) like `console`, or (fields, message) like pino. They may be async; nobody
 * waits for them.
 */
export interface LoggerLike {
  debug(first: unknown, second?: unknown): unknown;
  info(first: unknown, second?: unknown): unknown;
  warn(first: unknown, second?: unknown): unknown;
  error(first: unknown, second?: unknown): unknown;
}

/** A logger that writes nothing. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {}

/**
 * Turns any logger into a {@link Logger}. A logger with a method `bindings()` gets the fields first, because pino has that method (see its
 * documentation of child loggers). All other loggers get the message first, like `console`.
 *
 * A logger that fails never fails what logs: what it throws or rejects with goes to `failed`, the first time, and is ignored after that.
 */
export function toLogger(logger: LoggerLike, failed: (thrown: unknown) => void = nothing): Logger {
  let hasFailed = false;
  function fail(thrown: unknown): void {
    if (hasFailed) return;
    hasFailed = true;
    failed(thrown);
  }
  function write(level: keyof Logger, message: string, fields: Record<string, unknown> | undefined): void {
    guarded(() => {
      if (fields === undefined) return logger[level](message);
      return takesFieldsFirst(logger) ? logger[level](fields, message) : logger[level](message, fields);
    }, fail);
  }
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

function takesFieldsFirst(logger: LoggerLike): boolean {
  return 'bindings' in logger && typeof logger.bindings === 'function';
}
