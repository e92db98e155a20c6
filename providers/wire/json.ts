/** Whether a value is a JSON object: neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is a string, else undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value if it is a string that is not empty, else undefined. Servers send empty strings for missing ids and names. */
export function filled(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The value if it is a finite number of 0 or more, else undefined. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < Infinity ? value : undefined;
}

/** How deep a value may be nested if it is kept. A deeper one overflows the stack of functions that walk over it. */
export const MAX_DEPTH = 64;

/** Whether a value is nested deeper than this number of arrays and objects. */
export function isDeeper(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** A value as JSON text. Undefined if it is nested too deep. */
export function jsonText(value: unknown): string | undefined {
  return isDeeper(value) ? undefined : JSON.stringify(value);
}
