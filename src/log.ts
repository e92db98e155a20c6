/** Structured logging: a message and fields. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Any logger with the four usual methods: of the console's shape (message, fields) or of pino's (fields, message). */
export interface LoggerLike {
  debug(first: unknown, second?: unknown): void;
  info(first: unknown, second?: unknown): void;
  warn(first: unknown, second?: unknown): void;
  error(first: unknown, second?: unknown): void;
}

/** A logger that says nothing. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {}

/**
 * Any logger as a {@link Logger}. Pino's shape (fields first) is known by its `bindings()`, as in pino's documentation of child loggers;
 * everything else gets the console's (message first).
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
