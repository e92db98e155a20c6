import { SluiceError, abortedError, isSluiceError } from './errors.ts';
import { kindOfThrown } from './kit/thrown.ts';

/** An error caused by a middleware. The message names it. */
export function middlewareError(name: string, message: string, cause?: unknown): SluiceError {
  return new SluiceError('middleware', `Middleware "${name}" ${message}`, { middleware: name, cause });
}

/** What a layer threw, as a `SluiceError`: such an error as it is, an `AbortError` as `aborted`, anything else wrapped. */
export function asSluiceError(error: unknown, name: string): SluiceError {
  if (isSluiceError(error)) return error;
  if (error instanceof Error && error.name === 'AbortError') return abortedError(error);
  // The message stays in the cause, because it may contain what no client should see.
  const where = error instanceof Error ? ' (see the cause)' : '';
  return middlewareError(name, `threw ${kindOfThrown(error)}${where}.`, error);
}
