/** A field of a value that came from outside. Undefined if the value is not an object, or does not have such a field of its own. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** A count in a field, which may be in an inner object. 0 if there is none. */
export function countAt(value: unknown, ...path: string[]): number {
  const found = path.reduce(field, value);
  return typeof found === 'number' && found > 0 && found < Infinity ? found : 0;
}

/** A text in a field that is not empty, else undefined. */
export function textAt(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
