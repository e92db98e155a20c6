/**
 * An id as the database can hold it: a `text` has no NUL, so that it is written `\0`, and a backslash `\\`. Every other id stands there as it
 * is.
 */
export function toText(id: string): string {
  return id.replaceAll('\\', '\\\\').replaceAll('\0', '\\0');
}

/** What {@link toText} was given. */
export function fromText(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_, escaped: string) => (escaped === '0' ? '\0' : escaped));
}
