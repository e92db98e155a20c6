/** A structured logger: each entry has a message and fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Any logger with the four usual methods. They take (message, fields) like `console`, or (fields, message) like pino. */
export interface LoggerLike {
  debug(first: unknown, second?: unknown): void;
  info(first: unknown, second?: unknown): void;
  warn(first: unknown, second?: unknown): void;
  error(first: unknown, second?: unknown): void;
}

/** A logger that writes nothing. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {}

/**
 * Turns any logger into a {@link Logger}. A logger with a method `bindings()` gets the fields first, because pino has that method (see its
 * documentation of child loggers). All other loggers get the message first, like `console`.
 */
export function toLogger(logger: LoggerLike): Logger {
  const fieldsFirst = 'bindings' in logger && typeof logger.bindings === 'function';
  const write =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      if (fields === undefined) logger[level](message);
      else if (fieldsFirst) logger[level](fields, message);
      else logger[level](message, fields);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
