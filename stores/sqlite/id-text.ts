/**
 * An id as text that SQLite's own tools show, and that Node gives back whole: Node 22 ends a text at its first NUL. Other ids than those with
 * control characters, quotes or backslashes are left as they are.
 */
export function textOfId(id: string): string {
  return JSON.stringify(id).slice(1, -1);
}

/** What {@link textOfId} was given. */
export function idOfText(text: string): string {
  return String(JSON.parse(`"${text}"`));
}
