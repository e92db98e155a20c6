/** Whether a value is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is an array. `Array.isArray` makes its items `any`. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** The message of what was thrown, if it has one. */
export function messageOf(thrown: unknown): string {
  if (typeof thrown === 'string' && thrown !== '') return thrown;
  const message: unknown = thrown instanceof Error ? thrown.message : undefined;
  return typeof message === 'string' && message !== '' ? message : 'it gave no reason';
}

/** A copy of the arguments of a call. Most are an object of nothing but texts and numbers, of which a structured clone takes fifty times as long. */
export function copyOf(given: unknown): unknown {
  const isFlat =
    isRecord(given) &&
    Object.getPrototypeOf(given) === Object.prototype &&
    Object.values(given).every(isPrimitive);
  return isFlat ? { ...given } : structuredClone(given);
}

function isPrimitive(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** Said of a call that had begun and whose end nobody knows. */
export const UNKNOWN = 'It may have taken effect.';

/** Said of a call that was cancelled, or whose process died. */
export const CANCELLED = `The tool was stopped before its end. ${UNKNOWN}`;
