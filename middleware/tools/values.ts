/** Whether a value is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The message of what was thrown, if it has one. */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string' && thrown !== '') return thrown;
  const message: unknown = thrown instanceof Error ? thrown.message : undefined;
  return typeof message === 'string' && message !== '' ? message : 'it gave no reason';
}

/** Said of a call that had begun and whose end nobody knows. */
export const UNKNOWN = 'It may have taken effect.';

/** Said of a call that was cancelled, or whose process died. */
export const CANCELLED = `The tool was stopped before its end. ${UNKNOWN}`;
