import { SluiceError, abortedError, isSluiceError, kindOf } from './errors.ts';

/** An error that is a middleware's own fault, naming it. */
export function middlewareError(name: string, message: string, cause?: unknown): SluiceError {
  return new SluiceError('middleware', `Middleware "${name}" ${message}`, { middleware: name, cause });
}

/** What a layer threw, as a `SluiceError`: its own kind as it is, an abort of the platform as `aborted`, the rest wrapped. */
export function asSluiceError(error: unknown, name: string): SluiceError {
  if (isSluiceError(error)) return error;
  if (error instanceof Error && error.name === 'AbortError') return abortedError(error);
  // The message stays in the cause: it may hold what no client should see.
  const kind =
    error instanceof Error
      ? `${error.name} (see the cause)`
      : `a value of kind ${kindOf(error)}, not an Error`;
  return middlewareError(name, `threw ${kind}.`, error);
}
