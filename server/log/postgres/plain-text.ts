/** A text without NUL, which the texts of PostgreSQL cannot hold. */
export function storedText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0');
}

/** The text that {@link storedText} made a text of. */
export function plainText(stored: string): string {
  return stored.replaceAll(/\\(.)/g, (_match, letter: string) => (letter === '0' ? '\0' : letter));
}
