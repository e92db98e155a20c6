// How the core names things for a driver: places, groups and fields.

/** The field of the calls that wait for approval. */
export const PENDING = 'pending';

/** The prefix of the names of fields with metadata values. */
const METADATA = 'metadata:';

/** Escapes NUL in an id as `\0`, because many databases cannot store it, and a backslash as `\\`. Other ids stay as they are. */
export function encodeId(id: string): string {
  return id.includes('\\') || id.includes('\0') ? id.replaceAll('\\', '\\\\').replaceAll('\0', '\\0') : id;
}

/** Reverses {@link encodeId}. */
export function decodeId(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(.)/gs, (_, escaped: string) => (escaped === '0' ? '\0' : escaped));
}

/** The group of the rows of an append. Its name is the turn's id: groups of another kind begin with a backslash and a letter. */
export function turnGroup(turnId: string): string {
  return encodeId(turnId);
}

/** The field of a metadata key. The key is written as JSON, because it may contain a lone surrogate. */
export function fieldOf(name: string): string {
  return METADATA + JSON.stringify(name);
}

/** The metadata key of a field; undefined for other fields. */
export function nameOfField(field: string): string | undefined {
  return field.startsWith(METADATA) ? String(JSON.parse(field.slice(METADATA.length))) : undefined;
}
