// How the core names things for a driver: places, groups and fields.

/** The field of the calls that wait for approval. */
export const PENDING = 'pending';

/** What the name of a field begins with that holds a value of the metadata. */
const METADATA = 'metadata:';

/** An id without NUL, which many databases cannot keep: it is written `\0`, and a backslash `\\`. Other ids stay as they are. */
export function encodeId(id: string): string {
  return id.includes('\\') || id.includes('\0') ? id.replaceAll('\\', '\\\\').replaceAll('\0', '\\0') : id;
}

/** What {@link encodeId} was given. */
export function decodeId(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\(.)/gs, (_, escaped: string) => (escaped === '0' ? '\0' : escaped));
}

/** The group of the rows of an append. Its name is the turn's id: groups of another kind begin with a backslash and a letter. */
export function turnGroup(turnId: string): string {
  return encodeId(turnId);
}

/** The field of a key of the metadata. The key is JSON: it may hold half a surrogate pair. */
export function fieldOf(name: string): string {
  return METADATA + JSON.stringify(name);
}

/** The key of the metadata whose field it is; undefined for other fields. */
export function nameOfField(field: string): string | undefined {
  return field.startsWith(METADATA) ? String(JSON.parse(field.slice(METADATA.length))) : undefined;
}
